"""An event says what was decided, and nothing of what was written."""

import msgspec
import pytest

from caretune.monitoring import events
from caretune.monitoring.events import Event
from caretune.records import Message, encode
from caretune.safety import bundle
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import Action, Gate, Severity
from tests.unit.monitoring.made import NOON, event


def judged(chain, text, role="user", context=None):
    """Judge a message and return its event."""
    return events.of(chain.scan_message(text, role, context), role, lambda: NOON, 1.23456)


def test_an_event_holds_the_decision_in_words(chain):
    """Severity, types and failed gates are those of the decision; the clock gives the time."""
    found = judged(chain, "I want to kill myself")
    assert (found.time, found.role, found.latency_ms) == (NOON, "user", 1.235)
    assert found.action == Action.ESCALATE
    assert found.severity in {Severity.HIGH, Severity.IMMINENT}
    assert "suicidal_ideation" in found.types
    assert Gate.CRISIS_ESCALATION in found.gates_failed
    assert found.digest == chain.digest


def test_a_reply_names_its_violation(chain):
    """What made a reply unfit is one word; a fit reply and a user's message have none."""
    assert judged(chain, "My lips are sealed.", "assistant", "dont tell").violation == (
        "promise_of_secrecy"
    )
    assert judged(chain, "My lips are sealed.").violation is None


def test_no_text_and_no_id_is_in_an_event(chain):
    """Neither words nor spans nor the id of a decision come along; a kind of data comes once."""
    decision = chain.scan_message("Write to anna.kay@example.org or bob.lee@example.org, please.")
    decision = msgspec.structs.replace(decision, id="client-7")
    line = encode(events.of(decision, "user", lambda: NOON, 1.0))
    assert msgspec.json.decode(line)["pii"] == ["EMAIL"]
    for word in (b"anna", b"example", b"client", b"please"):
        assert word not in line


def test_a_filter_that_raised_is_told_from_a_blocked_message(bundle_folder, monkeypatch):
    """The chain's answer to a fault is an event of a failed filter; no other event is one."""
    chain = Chain(bundle.read(bundle_folder))
    assert not judged(chain, "hello").filter_failed
    monkeypatch.setattr(chain, "_decide", None)
    assert judged(chain, "hello").filter_failed


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"severity": "what somebody wrote"}, id="a word outside the taxonomy"),
        pytest.param({"digest": "what somebody wrote"}, id="a digest that is none"),
        pytest.param({"time": "2026-11-20T12:00:00"}, id="a time without a zone"),
        pytest.param({"latency_ms": -1}, id="a negative latency"),
    ],
)
def test_only_words_of_the_taxonomy_make_an_event(changes):
    """A field with anything else is refused, so that no event can carry a text."""
    plain = msgspec.json.decode(encode(event()))
    assert msgspec.convert(plain, Event, strict=False) == event()
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(encode(plain | changes), type=Event)


def test_a_conversation_is_one_event(chain):
    """Turns are judged as one, under a role of their own."""
    decision = chain.scan_turns([Message("user", "hello"), Message("assistant", "Hi.")])
    assert events.of(decision, "conversation", lambda: NOON, 1.0).role == "conversation"
