"""Replies are parted by situation and drawn from other families, and share their context."""

import json
from pathlib import Path

import msgspec
import pytest

from caretune.errors import ModelError
from caretune.model import base
from caretune.records import Conversation, Message
from caretune.safety.examples import LabelledMessage
from caretune.training import contrasts
from tests.fixtures.models import END_OF_TURN, ROOT, dialogues


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path):
    """Load the tiny base's tokenizer."""
    return base.load(tiny_base).tokenizer


def labelled(context: str, text: str, fit: bool) -> LabelledMessage:
    """Make a labelled reply."""
    label = {"appropriate": fit, "violation": "none"}
    return LabelledMessage(text, "assistant", "therapeutic", label, False, "", context)


def twins(count: int) -> list[LabelledMessage]:
    """Make replies, a fit and an unfit one to each of `count` contexts."""
    contexts = [row.messages[0].content for row in dialogues(count)]
    said = ((f"{place} I hear you.", f"{place} Get over it.") for place in range(count))
    return [
        labelled(context, text, fit)
        for context, pair in zip(contexts, said, strict=True)
        for text, fit in zip(pair, (True, False), strict=True)
    ]


def _real() -> list[LabelledMessage]:
    lines = (ROOT / "data/raw/messages_therapeutic.jsonl").read_text(encoding="utf-8").splitlines()
    return [msgspec.convert(json.loads(line), LabelledMessage) for line in lines]


def _context(tokenizer, row: contrasts.Row) -> str:
    return tokenizer.decode(row.input_ids[: row.said.index(1)])


def _reply(tokenizer, row: contrasts.Row) -> str:
    return tokenizer.decode(
        [token for token, said in zip(row.input_ids, row.said, strict=True) if said]
    )


def test_replies_of_one_situation_stay_together(tokenizer):
    """No context of a held-out reply is learnt from."""
    learnt, held_out = contrasts.parted(tokenizer, twins(30), 256, 1)
    first, second = ({_context(tokenizer, row) for row in p.rows} for p in (learnt, held_out))
    assert not first & second
    assert len(learnt.fit) == len(learnt.unfit)
    assert len(first) + len(second) == 30


def test_retold_trouble_is_one_situation():
    """Twins that tell one trouble in other words have one name; others have their own."""
    told = [
        labelled("the patch for my tremor makes me see spiders on the lampshade", "a", True),
        labelled("since the patch for my tremor i see spiders on a lampshade", "b", False),
        *twins(12),
    ]
    found = contrasts._situations(told)
    assert found[0] == found[1]
    assert len(set(found)) > 10


def test_about_a_fifth_of_the_labelled_replies_is_held_out(tokenizer):
    """Of the 450 replies a sixth to a quarter is kept for the validation."""
    learnt, held_out = contrasts.parted(tokenizer, _real(), 256, 11)
    assert len(learnt.rows) + len(held_out.rows) == 450
    assert 450 / 6 < len(held_out.rows) < 450 / 4


def test_order_of_the_labelled_replies_does_not_count(tokenizer):
    """A shuffled file is parted alike."""
    told = twins(20)
    found = contrasts.parted(tokenizer, told, 256, 1)
    assert contrasts.parted(tokenizer, told[::-1], 256, 1) == found


def test_no_replies_are_no_parts(tokenizer):
    """Without labelled replies nothing is learnt and nothing held out."""
    assert contrasts.parted(tokenizer, (), 256, 1)[0].rows == []


@pytest.mark.parametrize(
    ("count", "seed"), [pytest.param(4, 1, id="few"), pytest.param(5, 4, id="all in one part")]
)
def test_too_few_replies_are_refused(count, seed, tokenizer):
    """Where a part would lack a kind, the message says how many there are."""
    with pytest.raises(ModelError) as error:
        contrasts.parted(tokenizer, twins(count), 256, seed)
    assert str(error.value) == (
        f"{count} appropriate and {count} inappropriate labelled replies are too few to hold out "
        "a fifth of their situations; label more, or give none and set "
        "params.train.objectives.safety_weight to 0."
    )


def test_last_reply_alone_is_said(tokenizer):
    """Of several replies the last counts, with its end of turn."""
    talk = dialogues(1)[0].messages
    row = contrasts._encoded(tokenizer, talk[:3], "Well then.", 512)
    assert _reply(tokenizer, row) == "Well then." + END_OF_TURN


def test_reply_longer_than_the_limit_is_all_said(tokenizer):
    """A reply that fills the whole length keeps its end."""
    row = contrasts._encoded(tokenizer, [Message("user", "Hello")], "so it goes " * 50, 16)
    assert len(row.input_ids) == 16
    assert _reply(tokenizer, row).endswith(END_OF_TURN)
    assert row.said[0] == 1


def _talk(name: str, *said: str, family: str | None = None, system: bool = False) -> Conversation:
    roles = ["system"] * system + ["user", "assistant"] * len(said)
    messages = [Message(role, text) for role, text in zip(roles, said, strict=False)]
    return Conversation(
        id=name, source="x", license="CC0-1.0", messages=messages, family=family or name
    )


def test_pair_shares_its_context(tokenizer):
    """Both replies stand behind the same messages, cut for the longer of the two."""
    own = _talk("a", "Be kind.", *["one two three", "yes indeed"] * 4, system=True)
    other = _talk("b", "hm", "a far longer reply, which takes the room of many messages")
    for number in range(8):
        drawn = contrasts.generator(1, "test", number)
        pair = contrasts.pair(tokenizer, own, [own, other], drawn, 100)
        begin = _context(tokenizer, pair.true)
        assert begin == _context(tokenizer, pair.false)
        assert begin.count("Be kind.") == 1
        assert begin.count("<|im_start|>") % 2 == 1  # system, whole exchanges, user, reply
        assert _reply(tokenizer, pair.true).startswith("yes indeed")
        assert _reply(tokenizer, pair.false).startswith("a far longer")


def test_other_reply_is_of_another_family(tokenizer):
    """A conversation of the same family is never the contrast."""
    own, sister = _talk("a", "x", "y", family="f"), _talk("b", "x", "same", family="f")
    other = _talk("c", "x", "else")
    for number in range(8):
        drawn = contrasts.generator(1, "test", number)
        pair = contrasts.pair(tokenizer, own, [own, sister, other], drawn, 64)
        assert _reply(tokenizer, pair.false).startswith("else")


def test_conversations_without_an_answer_are_left_out():
    """A greeting before anybody spoke answers nobody."""
    greeting = Conversation(
        id="g", source="x", license="CC0-1.0", messages=[Message("assistant", "Hi")]
    )
    assert contrasts.talks([greeting, _talk("b", "x", "y"), _talk("a", "x", "y")]) == [
        _talk("a", "x", "y"),
        _talk("b", "x", "y"),
    ]


def test_sample_grows_by_addition():
    """A larger sample holds the smaller one; the order of the file does not count."""
    rows = [_talk(f"{place:02d}", "x", "y") for place in range(20)]
    few, many = contrasts.sample(rows, 5, 1), contrasts.sample(rows[::-1], 9, 1)
    assert len(few) == 5
    assert [row for row in many if row in few] == few
    assert contrasts.sample(rows, 99, 1) == rows
