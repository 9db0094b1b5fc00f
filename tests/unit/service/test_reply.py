"""caretune.service.reply: one message's way, with stand-ins for filters and model."""

import asyncio

import pytest

from caretune.records import Message
from tests.unit.service import stand_in


def _answer(text, model=None, max_tokens=None):
    desk = stand_in.desk(model)
    return desk, asyncio.run(desk.answer([Message("user", text)], max_tokens))


@pytest.mark.parametrize("word", ["high", "imminent", "unscored", "escalate"])
def test_what_must_not_be_generated_gets_the_protocol_reply_and_no_model_call(word):
    """HIGH, IMMINENT, unscored and escalate: the model is not even asked."""
    model = stand_in.StandInModel()
    _, found = _answer(f"{word} please", model)
    assert (found.source, found.finish_reason, found.usage) == (
        "protocol",
        "content_filter",
        (0, 0),
    )
    assert found.text.startswith("protocol for")
    assert found.decision["action"] == "escalate"
    assert model.limits == []


def test_a_conversation_with_an_unfit_earlier_reply_gets_the_safe_reply():
    """An earlier assistant turn that should never have gone out is no ground to go on from."""
    model = stand_in.StandInModel()
    _, found = _answer("block please", model)
    assert (found.text, found.source) == ("safe at none", "safe_reply")
    assert (found.finish_reason, model.limits) == ("content_filter", [])


@pytest.mark.parametrize("word", ["moderate", "hello"])
def test_anything_milder_gets_the_models_reply(word):
    """A moderate risk is answered by the model, whose reply is filtered."""
    _, found = _answer(f"{word} please")
    assert (found.text, found.source) == (f"model: {word} please", "model")
    assert (found.finish_reason, found.usage) == ("stop", (9, 5))


def test_the_reply_is_judged_with_what_the_user_said_last():
    """Appropriateness of a reply depends on what it answers."""
    desk, _ = _answer("hello there")
    assert desk.release.chain.contexts == ["hello there"]


def test_a_reply_with_personal_data_leaves_redacted():
    """The generated text never leaves; its redacted form does."""
    _, found = _answer("please redact Anna")
    assert (found.text, found.source) == ("model: please redact [NAME_1]", "model")
    assert found.decision == {"action": "redact", "severity": "none", "reasons": ["redaction"]}


@pytest.mark.parametrize("word", ["replace", "block"])
def test_a_reply_that_may_not_leave_is_replaced_by_the_safe_one(word):
    """The safe reply knows the user's severity; finish_reason says that a filter stopped the text."""
    _, found = _answer(f"moderate so {word} it")
    assert (found.text, found.finish_reason) == ("safe at moderate", "content_filter")
    assert (found.source, found.decision["action"]) == ("safe_reply", word)


@pytest.mark.parametrize(("asked", "limit"), [(None, 20), (7, 7), (500, 20)])
def test_a_reply_is_never_longer_than_params_allow(asked, limit):
    """max_tokens shortens, up to params.service.max_new_tokens."""
    model = stand_in.StandInModel()
    _answer("hello", model, asked)
    assert model.limits == [limit]
