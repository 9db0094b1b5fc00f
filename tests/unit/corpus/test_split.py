"""The split by family."""

from collections import Counter

import pytest

from caretune.corpus import split
from caretune.errors import SourceError
from caretune.records import Conversation, ExpertExample, Message

RATES = {"seed": 23, "train_rate": 0.70, "validation_rate": 0.15}


def row(name: str, **fields: object) -> Conversation:
    """Build a row without words."""
    return Conversation(id=name, source="s", license="x", messages=[], **fields)


def example(conversation: str, family: str) -> ExpertExample:
    """Build an expert example of a conversation."""
    return ExpertExample(
        id=f"example {conversation}",
        conversation=conversation,
        family=family,
        context=[Message("user", "Why?")],
        reply="Thus.",
        scenario="work",
        crisis=False,
    )


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


def test_rows_that_leave_for_the_expert_set_are_named():
    """Each row has one edge: to itself, to its example, or out with its family."""
    rows = [
        row("a", family="a", split="test"),
        row("b", family="a", split="test"),
        row("c", family="c", split="test"),
        row("d", family="d", split="train"),
    ]
    left, edges = split.leave(rows, [example("a", "a")])
    assert {name: [r.id for r in kept] for name, kept in left.items()} == {
        "train": ["d"],
        "validation": [],
        "test": ["c"],
    }
    assert [(edge.source, edge.to, edge.exit) for edge in edges] == [
        ("a", "example a", ""),
        ("b", "", "expert_family"),
        ("c", "c", ""),
        ("d", "d", ""),
    ]


def test_author_overlap():
    """Of two held-out rows with an author one has an author who wrote in train: a half."""
    rows = [
        row("a", person="p", split="train"),
        row("b", person="p", split="test"),
        row("c", person="q", split="validation"),
        row("d", split="test"),
    ]
    assert split.author_overlap(rows) == 0.5


def test_author_overlap_is_unknown_without_authors():
    """Rows without authors have no overlap to speak of: null, not zero."""
    assert split.author_overlap([row("a", split="test")]) is None


def test_figures_count_families_and_words():
    """A split's rows and families, its largest family, and what is unlabelled."""
    rows = [row("a", family="a", domain="x"), row("b", family="a"), row("c", family="c")]
    assert split.figures(rows) == {
        "rows": 3,
        "families": 2,
        "largest_family": 2,
        "domain": {"unlabelled": 2, "x": 1},
        "severity": {"unlabelled": 3},
    }
