"""The leak proof finds what crosses the split."""

import msgspec
import pytest

from caretune.corpus import families, leak, split
from caretune.corpus.families import Search
from caretune.errors import LineageError
from caretune.records import Conversation, Message
from tests.fixtures.corpus import on_disk

SEARCH = Search(permutations=128, band=2, label="leak 23")


@pytest.fixture
def placed(corpus_rows, tmp_path) -> list[Conversation]:
    """The forty rows with families and splits."""
    search = SEARCH._replace(label="families 23")
    family = families.assign(on_disk(tmp_path, corpus_rows), least=0.3, search=search)
    cut = split.cut(family, seed=23, train_rate=0.70, validation_rate=0.15)
    return [split.place(row, family, cut) for row in corpus_rows]


@pytest.fixture
def prove(tmp_path):
    """Give a function that proves rows of which each says its family and split."""

    def run(rows: list[Conversation], **changes: object) -> leak.LeakProof:
        return leak.prove(
            on_disk(tmp_path, rows),
            {row.id: row.family for row in rows},
            {row.id: row.split for row in rows},
            threshold=0.3,
            search=SEARCH,
            **changes,
        )

    return run


def one_of(rows, name):
    """Return the first row of a split."""
    return next(row for row in rows if row.split == name)


def test_a_clean_split_shares_no_family(placed, prove):
    """The proof of an honest split: no family shared, the worst pair far below the threshold."""
    proof = prove(placed)
    assert proof.families_shared == 0
    assert proof.worst.similarity < 0.1
    assert (proof.threshold, proof.permutations, proof.band) == (0.3, 128, 2)
    assert proof.found_rate == 0.997609
    assert "bands of 2" in proof.method


def test_a_planted_copy_is_the_worst_pair(placed, prove):
    """A train row that comes again in test under another name and family is named."""
    original = one_of(placed, "train")
    copy = msgspec.structs.replace(original, id="copy", family="copy", split="test")
    worst = prove([*placed, copy]).worst
    assert worst.similarity == 1.0
    assert worst.rows == [original.id, "copy"]
    assert worst.splits == ["train", "test"]


def test_one_story_with_two_endings_is_the_worst_pair(placed, prove):
    """A copy with its last turn changed is found: the client's words are the same to the letter."""
    original = one_of(placed, "train")
    messages = [*original.messages[:-1], Message("assistant", "quite other words at the end")]
    twin = msgspec.structs.replace(
        original, id="twin", family="twin", split="validation", messages=messages
    )
    worst = prove([*placed, twin]).worst
    assert set(worst.rows) == {original.id, "twin"}
    assert worst.similarity == 1.0


def test_a_planted_twin_has_its_exact_similarity(placed, prove):
    """A copy with one word more is found, and the share of 3-grams that it has in common is told."""
    said = "of all the things that I left behind I miss the smell of that old house most"
    original = msgspec.structs.replace(one_of(placed, "train"), messages=[Message("user", said)])
    twin = msgspec.structs.replace(
        original,
        id="twin",
        family="twin",
        split="test",
        messages=[Message("user", f"{said} dearly")],
    )
    others = [row for row in placed if row.id != original.id]
    worst = prove([original, *others, twin]).worst
    assert worst.rows == [original.id, "twin"]
    assert worst.similarity == round(15 / 16, 6)


def test_of_several_leaks_the_worst_is_named(placed, prove):
    """Two pairs cross the split: the nearer one is named, whichever is seen first."""
    words = [f"word{number}" for number in range(60)]
    rows = []
    for pair, changed in (("near", 5), ("far", 20), ("farther", 30)):
        said = [f"{pair}{word}" for word in words]
        for split_of, turn in (("train", said), ("test", said[:-changed] + ["other"] * changed)):
            name = f"{pair} {split_of}"
            rows.append(
                msgspec.structs.replace(
                    placed[0],
                    id=name,
                    family=name,
                    split=split_of,
                    messages=[Message("user", " ".join(turn))],
                )
            )
    for order in (rows, rows[::-1]):
        worst = prove([*placed, *order]).worst
        assert set(worst.rows) == {"near train", "near test"}
        # 53 of 58 word 3-grams stay; those of the changed end are three.
        assert worst.similarity == pytest.approx(53 / 61, abs=1e-6)


def test_a_divided_family_is_counted(placed, prove):
    """A family with rows in two splits is a shared family, whatever its words are."""
    moved = msgspec.structs.replace(one_of(placed, "test"), family=one_of(placed, "train").family)
    rows = [moved if row.id == moved.id else row for row in placed]
    assert prove(rows).families_shared == 1


def test_rows_with_nothing_in_common_have_no_worst_pair(placed, prove):
    """Where no candidate is found, the similarity is 0.0 and no rows are named."""
    rows = [
        msgspec.structs.replace(row, messages=[Message("user", f"{n}a {n}b {n}c {n}d")])
        for n, row in enumerate(placed)
    ]
    assert prove(rows).worst == leak.Pair(0.0, [], [])


def test_near_copies_in_one_split_are_no_leak(placed, prove):
    """However many rows of one split are alike, only pairs across splits count."""
    original = one_of(placed, "train")
    copies = [msgspec.structs.replace(original, id=f"copy {n}") for n in range(300)]
    assert prove([*placed, *copies]).worst.similarity == prove(placed).worst.similarity


def test_the_rows_done_are_told(placed, prove):
    """Whoever watches is told of every row."""
    seen: list[int] = []
    prove(placed, seen=seen.append)
    assert sum(seen) == 40


@pytest.mark.parametrize("missing", ["family", "split"])
def test_a_row_without_split_cannot_be_judged(placed, prove, missing):
    """A row without family or split is an error that names it, not a clean proof."""
    lost = msgspec.structs.replace(placed[3], **{missing: None})
    with pytest.raises(
        LineageError, match="has no family or no split, so no leak can be seen"
    ) as e:
        prove([*placed[:3], lost, *placed[4:]])
    assert str(e.value).startswith(f"row {lost.id}: ")
