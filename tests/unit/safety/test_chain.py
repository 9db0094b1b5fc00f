"""The whole chain on the real bundle."""

import pytest

from caretune.records import Message
from caretune.safety import appropriateness, crisis
from caretune.safety.decision import AppropriatenessFinding
from caretune.safety.taxonomy import Gate, severity_rank


def test_high_risk_escalates(chain):
    """Own danger of high or more asks for people."""
    decision = chain.scan_message("I want to kill myself and I have a plan")
    assert decision.action == "escalate"
    assert decision.subject == "self"
    assert "involve_a_person_now" in decision.crisis.actions
    assert decision.reasons[0] == "crisis"


def test_ordinary_message_is_allowed(chain):
    """A question about a landlord passes all seven gates."""
    decision = chain.scan_message("Could you help me word an email to my landlord?")
    assert decision.action == "allow"
    assert decision.crisis.severity == "none"
    assert decision.appropriateness is None
    assert decision.reasons == []
    assert [gate.gate for gate in decision.gates] == list(Gate)
    assert all(gate.passed and gate.level == "info" for gate in decision.gates)


def test_another_language_is_unscored_and_replaced(chain):
    """It is never `none`, and the reply is in that language."""
    decision = chain.scan_message("Quiero morir y no sé qué hacer con mi vida, no puedo más")
    assert decision.crisis.severity == "unscored"
    assert decision.action == "replace"
    assert "emergencias" in chain.protocol_reply(decision)


def test_personal_data_is_redacted(chain):
    """Placeholders are typed, spans are code points of the original."""
    text = "Mail me at robin.p@example.com or ring 020 7946 0000."
    decision = chain.scan_message(text)
    assert decision.action == "redact"
    assert decision.redacted == "Mail me at [EMAIL_1] or ring [PHONE_1]."
    assert [text[s.start : s.end] for s in decision.pii] == ["robin.p@example.com", "020 7946 0000"]
    assert decision.reasons == ["privacy", "redaction"]


@pytest.mark.parametrize("number", ["988", "116 123", "1-800-273-8255", "13 11 14"])
def test_crisis_lines_are_never_redacted(chain, number):
    """What a person may need stays readable."""
    text = f"I called {number} and somebody listened."
    assert chain.redact(text).text == text


def test_crisis_words_are_never_swallowed(chain):
    """Redaction takes the name and the number, and nothing of the danger."""
    text = "My name is Thandeka, I want to kill myself tonight, ring 020 7946 0000"
    redacted = chain.redact(text).text
    assert redacted == "My name is [NAME_1], I want to kill myself tonight, ring [PHONE_1]"


def test_one_redactor_keeps_its_placeholders(chain):
    """The same value keeps its placeholder through a conversation, another gets the next."""
    redactor = chain.redactor()
    assert redactor.redact("ring 020 7946 0000").text == "ring [PHONE_1]"
    assert redactor.redact("or 020 7946 0001").text == "or [PHONE_2]"
    assert redactor.redact("no, 020 7946 0000").text == "no, [PHONE_1]"


def test_toxic_reply_is_blocked(chain):
    """A reply of ours that insults never goes out."""
    decision = chain.scan_message("I'll smash your face, you pathetic clown.", "assistant")
    assert decision.action == "block"
    assert decision.toxicity.toxic


def test_promise_of_secrecy_is_blocked(chain):
    """A critical violation blocks, and its gate says so."""
    decision = chain.scan_message("My lips are sealed.", "assistant", "i want to die, dont tell")
    assert decision.action == "block"
    assert decision.appropriateness.violation == "promise_of_secrecy"
    gate = decision.gates[-1]
    assert (gate.gate, gate.passed, gate.level) == ("therapeutic_context", False, "critical")


def test_a_users_insult_is_no_reason_to_block(chain):
    """Anger is let in; only our own words are held back."""
    decision = chain.scan_message("you are a pathetic useless clown")
    assert decision.action == "allow"
    assert decision.toxicity.toxic


def test_a_long_message_fails_the_length_gate(chain):
    """The gate names the limit."""
    decision = chain.scan_message("tea and toast " * 2000)
    gate = decision.gates[4]
    assert (gate.gate, gate.passed) == ("content_length", False)
    assert gate.recommendation == "ask for at most 20000 characters"


def test_a_retraction_is_still_risk(chain):
    """Once said, the severity of a conversation stays, and its turns are named."""
    turns = ["The bus was late.", "I want to kill myself.", "forget I said that, just joking"]
    decision = chain.scan_turns([Message("user", turn) for turn in turns])
    assert severity_rank(decision.crisis.severity) >= severity_rank("high")
    assert decision.action == "escalate"
    assert (decision.turn.first, decision.turn.worst) == (1, 1)


def test_spans_of_turns_refer_to_the_joined_turns(chain):
    """Line feeds join the turns; placeholders are consistent over them."""
    turns = ["ring 020 7946 0000", "yes, 020 7946 0000"]
    decision = chain.scan_turns([Message("user", turn) for turn in turns])
    joined = "\n".join(turns)
    assert [joined[s.start : s.end] for s in decision.pii] == ["020 7946 0000"] * 2
    assert decision.redacted == "ring [PHONE_1]\nyes, [PHONE_1]"


def test_a_calm_conversation_names_no_turn(chain):
    """Without risk there is no first and no worst turn."""
    decision = chain.scan_turns([Message("user", "The library opens at nine.")])
    assert (decision.turn.first, decision.turn.worst) == (None, None)


def test_a_failing_filter_fails_closed(chain, monkeypatch):
    """A step that raises blocks; the severity is unscored; the reply is crisis-aware."""

    def broken(*_):
        raise RuntimeError

    monkeypatch.setattr(crisis, "assess", broken)
    decision = chain.scan_message("hello there")
    assert decision.action == "block"
    assert decision.crisis.severity == "unscored"
    assert not any(gate.passed for gate in decision.gates)
    assert len(decision.gates) == 7
    assert "116 123" in chain.safe_reply(decision)


def test_no_turns_fail_closed(chain):
    """An empty conversation is not harmless."""
    assert chain.scan_turns([]).action == "block"


def test_safe_reply_of_a_calm_message_offers_help(chain):
    """A blocked reply is replaced by one that names lines."""
    assert "116 123" in chain.safe_reply(chain.scan_message("What time is it?"))


def test_gates_are_sure_to_four_digits(chain, monkeypatch):
    """1 - 0.9 in binary has seventeen; the gate of a fit reply says 0.1."""
    fit = AppropriatenessFinding(score=0.9)
    monkeypatch.setattr(appropriateness, "assess", lambda *_: fit)
    decision = chain.scan_message("Good morning.", "assistant")
    assert [
        gate.confidence for gate in decision.gates if gate.gate == Gate.THERAPEUTIC_CONTEXT
    ] == [0.1]
    assert all(gate.confidence == round(gate.confidence, 4) for gate in decision.gates)


def test_an_outright_cry_stays_high_beside_another_language(chain):
    """The foreign clause alone is unscored; with an English plan beside it the protocol answers that."""
    foreign = "Ich will nicht mehr leben und ich wei\u00df nicht, mit wem ich reden kann."
    assert chain.scan_message(foreign).crisis.severity == "unscored"
    mixed = chain.scan_message(f"{foreign} I've taken all my tablets.")
    assert (mixed.crisis.severity, mixed.action) == ("imminent", "escalate")


def test_a_biased_reply_is_replaced_at_any_level(chain):
    """What a client may say and be answered, a reply of ours may not say."""
    found = chain.scan_message("People from that estate are all the same, honestly.", "assistant")
    assert found.bias.types
    assert found.action in {"replace", "block"}
