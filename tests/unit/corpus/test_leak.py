"""The leak proof finds what crosses the split."""

import msgspec
import pytest

from caretune.corpus import families, leak, split
from caretune.errors import LineageError
from caretune.records import Message

NEAR = {"permutations": 128, "seed": 23}


@pytest.fixture
def placed(corpus_rows):
    """The forty rows with families and splits."""
    family = families.assign(corpus_rows, least=0.3, **NEAR)
    cut = split.cut(family, seed=23, train_rate=0.70, validation_rate=0.15)
    return split.place(corpus_rows, family, cut)


def prove(rows):
    """Prove with the usual settings."""
    return leak.prove(rows, threshold=0.3, **NEAR)


def one_of(rows, name):
    """Return the first row of a split."""
    return next(row for row in rows if row.split == name)


def test_a_clean_split_shares_no_family(placed):
    """The proof of an honest split: no family shared, the worst pair far below the threshold."""
    proof = prove(placed)
    assert proof.families_shared == 0
    assert proof.worst.similarity < 0.1
    assert proof.threshold == 0.3
    assert proof.found_rate == 0.997609


def test_a_planted_copy_is_the_worst_pair(placed):
    """A train row that comes again in test under another name and family is named."""
    original = one_of(placed, "train")
    copy = msgspec.structs.replace(original, id="copy", family="copy", split="test")
    worst = prove([*placed, copy]).worst
    assert worst.similarity == 1.0
    assert worst.rows == [original.id, "copy"]
    assert worst.splits == ["train", "test"]


def test_a_planted_twin_is_the_worst_pair_with_its_similarity(placed):
    """A copy with its last turn changed is found with its exact similarity."""
    original = one_of(placed, "train")
    messages = [*original.messages[:-1], Message("assistant", "quite other words at the end")]
    twin = msgspec.structs.replace(
        original, id="twin", family="twin", split="validation", messages=messages
    )
    worst = prove([*placed, twin]).worst
    assert set(worst.rows) == {original.id, "twin"}
    # The client's words are the same to the letter, so the two are one story with two endings.
    assert worst.similarity == 1.0


def test_a_divided_family_is_counted(placed):
    """A family with rows in two splits is a shared family, whatever its words are."""
    moved = msgspec.structs.replace(one_of(placed, "test"), family=one_of(placed, "train").family)
    rows = [moved if row.id == moved.id else row for row in placed]
    assert prove(rows).families_shared == 1


def test_rows_with_nothing_in_common_have_no_worst_pair(placed):
    """Where no candidate is found, the similarity is 0.0 and no rows are named."""
    rows = [
        msgspec.structs.replace(row, messages=[Message("user", f"{n}a {n}b {n}c {n}d")])
        for n, row in enumerate(placed)
    ]
    assert prove(rows).worst == leak.Pair(0.0, [], [])


def test_a_row_without_split_cannot_be_judged(corpus_rows):
    """Rows that were never split are an error, not a clean proof."""
    with pytest.raises(LineageError, match="has no family or no split, so no leak can be seen"):
        prove(corpus_rows)
