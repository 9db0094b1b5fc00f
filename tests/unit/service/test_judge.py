"""caretune.service.judge: one event a decision, and whether the filters work."""

import itertools
import time

import pytest

from caretune.monitoring.events import Event
from caretune.safety import appropriateness, crisis, normalise, toxicity
from caretune.safety.chain import Chain
from caretune.service.journal import Journal
from caretune.service.judge import Judge

_CANARY = "zzcanary"


class _Kept(Journal):
    """Keeps events instead of writing them."""

    def __init__(self) -> None:
        super().__init__(None)
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
def journal():
    """A journal that can be looked into."""
    return _Kept()


@pytest.fixture
def judge(chain: Chain, journal: _Kept):
    """The real filters."""
    return Judge(chain, journal)


def _broken(*_):
    raise RuntimeError(_CANARY)


@pytest.mark.parametrize(
    ("role", "noted"), [("user", "user"), ("system", "user"), ("assistant", "assistant")]
)
def test_a_message_makes_one_event(judge, journal, chain, role, noted):
    """Severity, bundle and time taken; a role that events do not know counts as the user's."""
    judge.message("I am going to kill myself tonight.", role, None)
    (event,) = journal.events
    assert (event.role, event.digest) == (noted, chain.digest)
    assert (event.severity == "none") == (role == "assistant")
    assert 0 < event.latency_ms < 1000


def test_a_streamed_reply_makes_one_event_whatever_its_pieces(judge, journal):
    """Many sentences are judged; what became of the whole is one decision."""
    guard = judge.reply("How are you?")
    text = "It can help to write the worry down before you go to bed. " * 8
    for start in range(0, len(text), 7):
        guard.feed(text[start : start + 7])
    assert journal.events == []
    ending = guard.finish()
    (event,) = journal.events
    assert (event.role, event.action) == ("assistant", ending.decision.action)


def test_the_latency_of_a_streamed_reply_is_that_of_all_its_judgements(judge, journal, monkeypatch):
    """By a clock that goes on a second whenever it is read: two pieces and the end are three."""
    monkeypatch.setattr(time, "perf_counter", itertools.count(1.0).__next__)
    judge.message("It can help to write it down.", "assistant", "How are you?")
    guard = judge.reply("How are you?")
    guard.feed("It can help ")
    guard.feed("to write it down.")
    guard.finish()
    assert [event.latency_ms for event in journal.events] == [1000.0, 3000.0]


def test_a_stopped_reply_is_an_event_that_says_so(judge, journal):
    """What was stopped counts among the stopped replies."""
    guard = judge.reply("I feel awful.")
    guard.feed("You are worthless and you should kill yourself. " * 6)
    assert guard.stopped
    guard.finish()
    assert [event.action for event in journal.events] in (["block"], ["replace"])


def test_a_filter_that_raises_is_an_event_of_its_kind(judge, journal, monkeypatch):
    """Message, conversation and streamed reply: each says that a filter failed, none what was sent."""
    monkeypatch.setattr(toxicity, "assess", _broken)
    judge.message(_CANARY, "user", None)
    guard = judge.reply(_CANARY)
    guard.feed(f"{_CANARY} and so on. " * 20)
    guard.finish()
    assert [(event.role, event.filter_failed) for event in journal.events] == [
        ("user", True),
        ("assistant", True),
    ]
    assert _CANARY not in str(journal.events)


def test_filters_that_raise_on_anything_do_not_work_until_they_do_again(
    judge, journal, monkeypatch
):
    """After a failure a harmless sentence is asked, and it is no event."""
    assert not judge.failed
    assert judge.works()
    with monkeypatch.context() as patch:
        patch.setattr(crisis, "assess", _broken)
        judge.message("Hello there.", "user", None)
        assert not judge.works()
        assert not judge.works()
    assert judge.failed
    assert judge.works()
    assert not judge.failed
    assert len(journal.events) == 1


def test_a_step_of_replies_alone_that_raises_is_noticed_too(judge, monkeypatch):
    """The harmless sentence is judged as a reply as well."""
    monkeypatch.setattr(appropriateness, "assess", _broken)
    judge.message("Hello there.", "assistant", None)
    assert not judge.works()


def test_one_odd_text_does_not_take_the_service_out(judge, monkeypatch):
    """Filters that raise on one text alone work."""
    sound = normalise.normalise
    monkeypatch.setattr(
        normalise, "normalise", lambda text: _broken() if _CANARY in text else sound(text)
    )
    assert judge.message(_CANARY, "user", None).action == "block"
    assert judge.works()
