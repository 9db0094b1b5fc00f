"""caretune.service.reply: one message's way, with stand-ins for filters and model."""

import asyncio
import threading

import pytest

from caretune.model.domains import Choice
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


@pytest.mark.parametrize(
    ("word", "said"), [("high", "protocol for high in IE"), ("block", "safe at none in IE")]
)
def test_a_reply_of_the_table_names_the_lines_of_the_locale(word, said):
    """Where the service knows the country, protocol and safe replies are asked for it."""
    desk = stand_in.desk(locale="IE")
    answer = asyncio.run(desk.answer([Message("user", f"{word} please")], None))
    assert answer.text == said


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


_PASSES = (
    "A calm sentence of some length stands here." + " Another one is like it, a little longer." * 5
)


def _streamed(text, model=None, max_tokens=None):
    """Return the pieces of a streamed reply and the answer that ended it."""

    async def main():
        passing = await stand_in.desk(model).stream([Message("user", text)], max_tokens)
        return [item async for item in passing]

    *pieces, answer = asyncio.run(main())
    return pieces, answer


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "imminent danger",
        "block please",
        "please redact Anna",
        "so replace it",
        f"{_PASSES} Ask Anna. {_PASSES} redact",
    ],
)
def test_a_streamed_answer_is_the_plain_one(text):
    """In all the same text, for the same reason, from the same source and with the same decision."""
    _, plain = _answer(text)
    pieces, last = _streamed(text)
    assert "".join([*pieces, last.text]) == plain.text
    assert last[1:] == plain[1:]


def test_sentences_pass_before_the_model_has_ended():
    """What passed is not held until the end."""
    pieces, last = _streamed(_PASSES)
    assert len(pieces) > 1
    assert pieces[0] == "model: A calm sentence of some length stands here."
    assert "".join([*pieces, last.text]) == f"model: {_PASSES}"


@pytest.mark.parametrize("word", ["replace", "block"])
def test_a_reply_stopped_after_text_has_left_ends_in_the_safe_reply(word):
    """What has left is taken back in a paragraph of its own; the rest never leaves."""
    model = stand_in.StandInModel(word_takes_s=0.001)
    pieces, last = _streamed(f"{_PASSES} Now {word} this. {_PASSES}", model)
    assert word not in "".join(pieces)
    assert "".join(pieces) == f"model: {_PASSES}"
    assert (last.text, last.finish_reason) == ("\n\nsafe at none", "content_filter")
    assert (last.source, last.decision["action"]) == ("safe_reply", word)


def test_a_stopped_reply_is_generated_no_further():
    """The model's time belongs to the next request."""
    model = stand_in.StandInModel(word_takes_s=0.002)
    _streamed(f"Now block this. {_PASSES} {_PASSES} {_PASSES}", model)
    assert len("".join(model.heard)) < 2 * len(_PASSES)


def test_closing_a_stream_ends_the_generation():
    """Whoever goes away does not keep the model busy."""
    model = stand_in.StandInModel(word_takes_s=0.005)

    async def main():
        passing = await stand_in.desk(model).stream([Message("user", f"{_PASSES} {_PASSES}")], None)
        first = await anext(passing)
        await passing.aclose()
        assert await asyncio.to_thread(model.ended.wait, 5)
        return first

    assert asyncio.run(main()).startswith("model: A calm")
    assert len("".join(model.heard)) < len(_PASSES) + 100


def test_a_generation_that_breaks_breaks_the_stream():
    """Its error comes out where the text would have."""
    with pytest.raises(ValueError, match="burst"):
        _streamed(f"{_PASSES} burst")


def test_a_streamed_reply_is_never_longer_than_params_allow():
    """max_tokens shortens it as it does a plain one."""
    model = stand_in.StandInModel()
    _streamed("hello", model, 7)
    assert model.limits == [7]


def test_a_probe_never_waits_behind_a_slow_text(monkeypatch):
    """While no filter has raised, whether they work is told beside the text that they judge."""
    desk, go = stand_in.desk(), threading.Event()

    def slow(_):
        assert go.wait(10)
        return stand_in.decision("allow")

    async def main():
        judging = asyncio.ensure_future(desk.scan_turns([Message("user", "hello")]))
        await asyncio.sleep(0.01)
        try:
            return await asyncio.wait_for(desk.works(), 2)
        finally:
            go.set()
            await judging

    monkeypatch.setattr(desk.release.chain, "scan_turns", slow)
    assert asyncio.run(main())


class StandInDomains:
    """Sends a risk to the crisis expert and all else to the one that the last word names."""

    def choose(self, messages, severity):
        """Choose by severity, then by the last word."""
        expert = "crisis" if severity == "moderate" else messages[-1].content.split()[-1]
        return Choice(expert, expert, "classifier", 1.0)


@pytest.mark.parametrize(("text", "expert"), [("hello bias", "bias"), ("moderate bias", "crisis")])
def test_with_a_classifier_one_expert_answers_and_is_named(text, expert):
    """Streamed or plain: the model is given the expert, and the answer says which it was."""
    model = stand_in.StandInModel()
    desk = stand_in.desk(model, classifier=StandInDomains())
    asked = [Message("user", text)]

    async def main():
        passing = await desk.stream(asked, None)
        return await desk.answer(asked, None), [item async for item in passing][-1]

    plain, streamed = asyncio.run(main())
    assert (plain.expert, streamed.expert) == (expert, expert)
    assert model.experts == [expert, expert]


def test_a_protocol_reply_has_no_expert():
    """Nothing was generated, so no expert spoke."""
    desk = stand_in.desk(classifier=StandInDomains())
    answer = asyncio.run(desk.answer([Message("user", "high risk")], None))
    assert (answer.source, answer.expert) == ("protocol", None)


def test_a_reply_that_was_replaced_has_no_expert():
    """Nothing that it generated was sent, plain or streamed."""
    asked = [Message("user", "so replace it")]

    async def main():
        desk = stand_in.desk(classifier=StandInDomains())
        passing = await desk.stream(asked, None)
        return await desk.answer(asked, None), [item async for item in passing][-1]

    for answer in asyncio.run(main()):
        assert (answer.source, answer.expert) == ("safe_reply", None)


def test_a_reply_of_which_some_has_left_names_its_expert():
    """What was sent before the filters stopped it is the expert's."""

    async def main():
        model = stand_in.StandInModel(word_takes_s=0.001)
        desk = stand_in.desk(model, classifier=StandInDomains())
        said = f"{_PASSES} Now block this. {_PASSES} bias"
        return [item async for item in await desk.stream([Message("user", said)], None)]

    *pieces, answer = asyncio.run(main())
    assert pieces
    assert (answer.source, answer.expert) == ("safe_reply", "bias")


def test_without_a_classifier_the_routers_choose():
    """The model is given no expert."""
    model = stand_in.StandInModel()
    _, answer = _answer("hello", model)
    assert (model.experts, answer.expert) == ([None], None)
