"""Conversations become rows whose labels are the replies, whole where they fit."""

from pathlib import Path

import msgspec
import pytest

from caretune.errors import ModelError
from caretune.model import base
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.records import Conversation, Crisis, Gold, Message
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


def test_first_token_is_no_label(tokenizer):
    """A clipped row may begin inside a reply; its first token has nothing before it to learn from."""
    row = _changed(dialogues(1)[0], messages=dialogues(1)[0].messages[:2])
    whole = rows.prepare(tokenizer, [row], 512, None).dataset[0]
    said = [place for place, label in enumerate(whole["labels"]) if label != rows.IGNORED]
    made = rows.prepare(tokenizer, [row], len(whole["labels"]) - said[1], None).dataset[0]
    assert made["input_ids"] == whole["input_ids"][said[1] :]
    assert made["labels"] == [rows.IGNORED, *whole["labels"][said[1] + 1 :]]


def test_row_that_is_one_token_is_refused(tokenizer):
    """Without the first token such a row has no label left."""
    with pytest.raises(ModelError, match="2 rows have no reply to train on"):
        rows.prepare(tokenizer, dialogues(2), 1, None)


def _graves(count: int) -> list[Conversation]:
    """Return dialogues of every severity in turn, by their author's label."""
    words = ["none", "low", "moderate", "high", "imminent"]
    return [
        _changed(row, gold=Gold(Crisis(severity=words[place % 5])))
        for place, row in enumerate(dialogues(count))
    ]


def test_crisis_rows_weigh_more(tokenizer):
    """High and imminent rows bear the weight, all others 1."""
    talk = _graves(5)
    made = rows.prepare(tokenizer, talk, 512, None, crisis_weight=3.0).dataset
    assert sorted(made["loss_weights"]) == [1.0, 1.0, 1.0, 3.0, 3.0]
    alone = rows.prepare(tokenizer, talk[4:], 512, None, crisis_weight=3.0).dataset
    assert alone["loss_weights"][:] == [3.0]


def test_equal_weights_are_no_column(tokenizer):
    """Where every row weighs 1 nothing is written: without a crisis, or with the weight 1."""
    for talk, weight in ((_graves(5), 1.0), (_graves(3), 3.0)):
        made = rows.prepare(tokenizer, talk, 512, None, crisis_weight=weight).dataset
        assert made.column_names == ["input_ids", "labels"]


@pytest.fixture(scope="module")
def packed(tokenizer):
    """Pack fifteen dialogues, weights and domains included."""
    return rows.prepare(
        tokenizer, _graves(15), 400, EXPERTS, packing=True, crisis_weight=2.0
    ).dataset


def _conversations(packed) -> list[dict[str, list]]:
    """Take packed rows apart again."""
    names = [name for name in packed.column_names if name != rows.LENGTHS_COLUMN]
    found = []
    for row in packed:
        start = 0
        for length in row[rows.LENGTHS_COLUMN]:
            found.append({name: row[name][start : start + length] for name in names})
            start += length
        assert start == len(row["input_ids"])
    return found


def test_packing_cuts_no_row(tokenizer, packed):
    """Every conversation stands whole in one packed row, with its labels, domain and weight."""
    plain = rows.prepare(tokenizer, _graves(15), 400, EXPERTS, crisis_weight=2.0).dataset
    wanted = [
        row | {name: [row[name]] * len(row["labels"]) for name in ("domain_ids", "loss_weights")}
        for row in plain
    ]
    key = lambda row: row["input_ids"]  # noqa: E731
    assert sorted(_conversations(packed), key=key) == sorted(wanted, key=key)


def test_packed_rows_are_full_and_not_too_long(packed):
    """No row is longer than the limit, and no two of them would fit into one."""
    lengths = sorted(len(row) for row in packed["input_ids"])
    assert lengths[-1] <= 400
    assert lengths[0] + lengths[1] > 400
    assert len(packed) < 15


def test_packing_does_not_depend_on_the_order_of_the_file(tokenizer, packed):
    """A shuffled file packs the same rows in the same order."""
    made = rows.prepare(
        tokenizer, _graves(15)[::-1], 400, EXPERTS, packing=True, crisis_weight=2.0
    ).dataset
    assert made[:] == packed[:]


def test_bins_are_best_fit_longest_first():
    """Five rows by hand: each goes where it leaves the least room; equals keep their order."""
    assert rows._bins([2, 2, 3, 6, 7], 10) == [[4, 2], [3, 0, 1]]
    assert rows._bins([5, 5, 5], 10) == [[0, 1], [2]]


def test_one_row_packs(tokenizer):
    """One conversation is one packed row."""
    made = rows.prepare(tokenizer, dialogues(1), 512, None, packing=True).dataset
    assert made["seq_lengths"][:] == [[len(made["input_ids"][0])]]


def test_rare_domains_weigh_more():
    """Three rows of one domain and one of another: 2/3 and 2, so that both count two in sum."""
    talk = [
        _changed(row, domain=domain)
        for row, domain in zip(dialogues(4), ["x", "x", "x", "y"], strict=True)
    ]
    assert rows.domain_balance(talk, ["x", "y", "z"]) == pytest.approx([2 / 3, 2.0, 0.0])
