"""The split by family."""

from collections import Counter

import msgspec
import pytest

from caretune import records
from caretune.corpus import split
from caretune.corpus.contents import Contents
from caretune.corpus.rows import Rows
from caretune.errors import SourceError
from caretune.records import Conversation, Crisis, Gold, Message
from tests.fixtures.corpus import on_disk

RATES = {"seed": 23, "train_rate": 0.70, "validation_rate": 0.15}
TALK = [Message("user", "Why is it so?"), Message("assistant", "Tell me."), Message("user", "Oh.")]
FAMILIES = {"a": "a", "b": "a", "c": "c", "d": "d"}
SPLITS = {"a": "test", "b": "test", "c": "test", "d": "train"}
DRAWN = {"a": "a"}


def row(name: str, **fields: object) -> Conversation:
    """Build a row of three turns."""
    return Conversation(**{"id": name, "source": "s", "license": "x", "messages": TALK, **fields})


def contents(*rows: Conversation) -> Contents:
    """Count some rows."""
    counted = Contents()
    for one in rows:
        counted.add(one)
    return counted


@pytest.fixture
def four(tmp_path) -> Rows:
    """Four rows: a and b are a family of test, c is one of test, d one of train; a and d at risk."""
    grave = Gold(Crisis(severity="high"))
    return on_disk(tmp_path, [row("a", gold=grave), row("b"), row("c"), row("d", gold=grave)])


def sizes(families: dict[str, str], **changes: object) -> dict[str, int]:
    """Count the rows of each split."""
    return dict(Counter(split.cut(families, **{**RATES, **changes}).values()))


@pytest.mark.slow
def test_608458_rows_give_the_published_counts():
    """Of 608,458 one-row families 425,920 train, 91,268 validate and 91,270 test."""
    families = {str(number): str(number) for number in range(608_458)}
    assert sizes(families) == {"train": 425_920, "validation": 91_268, "test": 91_270}


@pytest.mark.parametrize(
    ("total", "counts"),
    [
        pytest.param(10, (7, 1, 2), id="10"),
        pytest.param(20, (14, 3, 3), id="20"),
        # 0.7 * 130 and 0.15 * 180 in floats fall short of, or beyond, the whole number.
        pytest.param(130, (91, 19, 20), id="130"),
        pytest.param(180, (126, 27, 27), id="180"),
    ],
)
def test_the_cut_is_exact(total, counts):
    """The cuts are floor(0.70 n) and floor(0.15 n) of the rates as written."""
    found = sizes({str(number): str(number) for number in range(total)})
    assert (found["train"], found["validation"], found["test"]) == counts


def test_a_family_is_never_divided():
    """All rows of a family are in one split, also at the cuts."""
    families = {str(number): str(number // 7) for number in range(700)}
    cut = split.cut(families, **RATES)
    homes = {(families[name], cut[name]) for name in families}
    assert len(homes) == 100


def test_a_row_keeps_its_split_when_another_family_comes():
    """The order of families does not change with new ones: only rows at the cuts move."""
    before = split.cut({str(n): str(n) for n in range(1000)}, **RATES)
    after = split.cut({str(n): str(n) for n in range(1001)}, **RATES)
    assert sum(before[name] != after[name] for name in before) <= 2


def test_the_seed_decides():
    """Another seed is another split, the same seed the same."""
    families = {str(number): str(number) for number in range(100)}
    assert split.cut(families, **RATES) == split.cut(families, **RATES)
    assert split.cut(families, **RATES) != split.cut(families, **{**RATES, "seed": 24})


def test_an_empty_split_is_refused():
    """One family cannot be split; the sentence says how large it is and what to do."""
    with pytest.raises(SourceError) as caught:
        split.cut(dict.fromkeys("abcdefgh", "a"), **RATES)
    assert str(caught.value) == (
        "the validation split is empty: 8 rows make 1 families, the largest of 8 rows. Give it more "
        "data, or change params.split (rates, near_duplicate_similarity)."
    )


def test_placed_rows_say_their_family_and_split(four):
    """What stays is written as canonical JSON with family and split, and counted by split."""
    (shard,) = four.shards()
    placed = split.Place(FAMILIES, SPLITS, DRAWN, 23)(shard)
    rows = {
        name: [msgspec.json.decode(line, type=Conversation) for _, line in lines]
        for name, lines in placed.lines.items()
    }
    assert {name: [(r.id, r.family, r.split) for r in found] for name, found in rows.items()} == {
        "train": [("d", "d", "train")],
        "validation": [],
        "test": [("c", "c", "test")],
    }
    assert placed.lines["test"] == [("c", records.encode(rows["test"][0]) + b"\n")]
    assert {name: counted.total for name, counted in placed.contents.items()} == {
        "train": 1,
        "validation": 0,
        "test": 1,
    }


def test_a_drawn_family_leaves_and_gives_one_example(four):
    """Of a family that was drawn one row gives an example; the other is in no split."""
    (shard,) = four.shards()
    (example,) = split.Place(FAMILIES, SPLITS, DRAWN, 23)(shard).examples
    assert (example.conversation, example.family, example.reply) == ("a", "a", "Tell me.")
    assert example.crisis


def test_rows_at_risk_are_counted_wherever_they_go(four):
    """Rows of a crisis are named with their severity, also those that leave; calm ones are not."""
    (shard,) = four.shards()
    found = split.Place(FAMILIES, SPLITS, DRAWN, 23)(shard).at_risk
    assert [tuple(one) for one in found] == [("a", "high"), ("d", "high")]


def test_only_held_out_rows_may_become_examples(four):
    """Candidates are rows of validation and test, with family, split and whether it is a crisis."""
    (shard,) = four.shards()
    found = split.candidates(shard, FAMILIES, SPLITS)
    assert [(one.id, one.family, one.split, one.crisis) for one in found] == [
        ("a", "a", "test", True),
        ("b", "a", "test", False),
        ("c", "c", "test", False),
    ]


def test_rows_that_leave_for_the_expert_set_are_named():
    """Each row has one edge: to itself, to its example, or out with its family."""
    edges = split.edges(FAMILIES, SPLITS, DRAWN, {"a": "example a"})
    assert [(edge.source, edge.to, edge.exit, edge.detail) for edge in edges] == [
        ("a", "example a", "", "expert"),
        ("b", "", "expert_family", "a"),
        ("c", "c", "", "test"),
        ("d", "d", "", "train"),
    ]


def test_author_overlap():
    """Of three held-out rows with an author two have an author who wrote in train."""
    found = {
        "train": contents(row("a", person="p")),
        "validation": contents(row("b", person="p"), row("c", person="q")),
        "test": contents(row("d"), row("e", person="p")),
    }
    assert split.author_overlap(found) == pytest.approx(2 / 3)


def test_author_overlap_is_unknown_without_authors():
    """Rows without authors have no overlap to speak of: null, not zero."""
    found = {"train": contents(row("a", person="p")), "validation": contents(row("b"))}
    assert split.author_overlap({**found, "test": contents()}) is None


def test_figures_count_families_and_words():
    """A split's rows and families, its largest family, and what is unlabelled."""
    counted = contents(row("a", domain="x"), row("b"), row("c"))
    assert split.figures(counted, FAMILIES, SPLITS, "test") == {
        "rows": 3,
        "families": 2,
        "largest_family": 2,
        "domain": {"unlabelled": 2, "x": 1},
        "severity": {"unlabelled": 3},
    }


def test_figures_of_a_split_that_gave_all_away():
    """Where every family became an example, there is none, and the largest has no rows."""
    figures = split.figures(contents(), FAMILIES, {}, "validation")
    assert (figures["rows"], figures["families"], figures["largest_family"]) == (0, 0, 0)
