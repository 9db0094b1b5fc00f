"""Conversations become rows whose labels are the replies, whole where they fit."""

from pathlib import Path

import msgspec
import pytest

from caretune.errors import ModelError
from caretune.model import base
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.records import Conversation, Message
from caretune.training import rows
from tests.fixtures.models import END_OF_TURN, EXPERTS, dialogues


@pytest.fixture(scope="module")
def tokenizer(tiny_base: Path):
    """Load the tiny base's tokenizer."""
    return base.load(tiny_base).tokenizer


def _changed(row: Conversation, **fields) -> Conversation:
    return msgspec.structs.replace(row, **fields)


def test_labels_are_the_replies(tokenizer):
    """A label is the token itself in a reply and its end, and ignored elsewhere."""
    row = dialogues(1)[0]
    made = rows.prepare(tokenizer, [row], 512, None).dataset[0]
    said = [label for label in made["labels"] if label != rows.IGNORED]
    replies = [m.content.strip() + END_OF_TURN for m in row.messages if m.role == "assistant"]
    assert tokenizer.decode(said) == "".join(replies)
    assert all(
        label in (rows.IGNORED, token)
        for label, token in zip(made["labels"], made["input_ids"], strict=True)
    )


def test_order_of_the_file_does_not_count(tokenizer):
    """Rows are sorted by length and id, so that a shuffled file trains the same bytes."""
    talk = dialogues(6)
    first = rows.prepare(tokenizer, talk, 512, EXPERTS)
    assert rows.prepare(tokenizer, talk[::-1], 512, EXPERTS).dataset[:] == first.dataset[:]


def test_cuts_are_counted(tokenizer):
    """Rows that lost turns and rows whose last exchange was too long are told apart."""
    short = _changed(
        dialogues(1)[0],
        messages=[Message("user", "hi"), Message("assistant", "yes")] * 4,
    )
    made = rows.prepare(tokenizer, [short], 40, None)
    assert (made.cut, made.clipped) == (1, 0)
    made = rows.prepare(tokenizer, [short], 6, None)
    assert (made.cut, made.clipped) == (1, 1)
    assert max(len(row) for row in made.dataset["input_ids"]) == 6


def test_domain_picks_the_expert(tokenizer):
    """A row's expert bears its domain's name; another domain is `general`'s, none is nobody's."""
    talk = [
        _changed(row, domain=domain)
        for row, domain in zip(
            dialogues(4), ["crisis_safety", None, "weather", "psychology_knowledge"], strict=True
        )
    ]
    for row, expert in zip(talk, [2, UNSUPERVISED, EXPERTS.index("general"), 1], strict=True):
        made = rows.prepare(tokenizer, [row, talk[0]], 512, EXPERTS)
        assert expert in made.dataset["domain_ids"][:]


def test_another_domain_supervises_none_where_no_expert_is_general(tokenizer):
    """Without the expert `general` a domain that is no expert's trains no router."""
    talk = [_changed(row, domain=word) for row, word in zip(dialogues(2), "xy", strict=True)]
    made = rows.prepare(tokenizer, talk, 512, ["x", "z"])
    assert sorted(made.dataset["domain_ids"][:]) == [UNSUPERVISED, 0]


def test_plain_lora_gets_no_domain(tokenizer):
    """Without experts there is no such column, which a plain model would not take."""
    made = rows.prepare(tokenizer, dialogues(2), 512, None)
    assert made.dataset.column_names == ["input_ids", "labels"]


def test_row_without_reply_is_refused(tokenizer):
    """A row with nothing to train is named by its id, never by its words."""
    silent = _changed(dialogues(1)[0], id="f" * 32, messages=[Message("user", "only me")])
    with pytest.raises(ModelError) as error:
        rows.prepare(tokenizer, [*dialogues(2), silent], 512, None)
    assert str(error.value) == (
        f"1 rows have no reply to train on, first {'f' * 32}; give them an assistant turn or "
        "drop them."
    )


def test_experts_that_no_row_names_are_refused(tokenizer):
    """Misspelt experts would leave the router untaught, in silence."""
    with pytest.raises(ModelError, match="no row has a domain among the experts mental, crisis"):
        rows.prepare(tokenizer, dialogues(2), 512, ["mental", "crisis"])


def test_no_rows_are_refused(tokenizer):
    """An empty file is said to be one."""
    with pytest.raises(ModelError, match="no rows to train on"):
        rows.prepare(tokenizer, [], 512, None)


def test_what_follows_the_last_reply_takes_no_room(tokenizer):
    """A talk that ends on the client trains what it trains without that end."""
    row = dialogues(1)[0]
    open_end = _changed(row, messages=[*row.messages, Message("user", "thank you " * 50)])
    made, plain = (rows.prepare(tokenizer, [one], 64, None).dataset[0] for one in (open_end, row))
    assert made["labels"] == plain["labels"]
