"""Children: chosen from the row alone, of the parent's family, never milder."""

import re
from collections.abc import Callable, Sequence

import msgspec
import pytest

from caretune import records
from caretune.corpus.augment import pipeline
from caretune.errors import LineageError
from caretune.lineage import identity, ledger
from caretune.records import Conversation, Crisis, Gold, Message, Operation
from caretune.safety.taxonomy import SEVERITIES, CrisisType, severity_rank

STRATEGIES = [
    "context_expansion",
    "crisis_scenarios",
    "demographic_diversity",
    "dialogue_variation",
    "paraphrase",
]


def silent(turns: Sequence[Message]) -> str:
    """Scan nothing: filters that find no severity anywhere."""
    return "none"


def grow(rows: Sequence[Conversation], **changes: object) -> list[pipeline.Attempt]:
    """Try every strategy on every row, with the changes given."""
    settings = {
        "seed": 29,
        "probabilities": dict.fromkeys(STRATEGIES, 1.0),
        "max_children": 5,
        "scan": silent,
    }
    return list(pipeline.augment(rows, **{**settings, **changes}))


def children(attempts: Sequence[pipeline.Attempt]) -> list[Conversation]:
    """Return the children that were made."""
    return [attempt.child for attempt in attempts if attempt.child is not None]


def test_a_child_is_of_its_parents_family_licence_and_split(
    train_rows: list[Conversation],
) -> None:
    """A child carries parent, family, licence and split of its parent and a content id of its own."""
    by_id = {row.id: row for row in train_rows}
    made = children(grow(train_rows))
    assert len(made) > 3 * len(train_rows)
    for child in made:
        parent = by_id[child.parent]
        assert (child.family, child.license, child.split) == (
            parent.family,
            parent.license,
            "train",
        )
        assert child.source == f"augment/{child.operation.strategy}"
        assert child.id == identity.content_id(child.source, child.messages)
        assert child.operation.seed == 29
        assert child.operation.edits


def test_equal_inputs_give_equal_bytes(train_rows: list[Conversation]) -> None:
    """Two runs over the same rows write the same children, byte for byte."""
    first, second = (
        [records.encode(child) for child in children(grow(train_rows))] for _ in range(2)
    )
    assert first == second


def test_children_do_not_depend_on_other_rows(train_rows: list[Conversation]) -> None:
    """A row has the same children alone, and among others in another order."""
    alone = children(grow(train_rows[3:4]))
    among = [
        child for child in children(grow(train_rows[::-1])) if child.parent == train_rows[3].id
    ]
    assert alone == among


def test_another_seed_gives_other_children(train_rows: list[Conversation]) -> None:
    """The seed reaches the text of the children."""
    ids = [{child.id for child in children(grow(train_rows, seed=seed))} for seed in (1, 2)]
    assert len(ids[0] & ids[1]) < len(ids[0]) / 4


def test_no_parent_has_more_children_than_allowed(train_rows: list[Conversation]) -> None:
    """`max_children` bounds the strategies tried on a parent."""
    attempts = grow(train_rows, max_children=2)
    assert {sum(a.parent.id == row.id for a in attempts) for row in train_rows} == {2}


def test_a_probability_of_zero_makes_no_child(train_rows: list[Conversation]) -> None:
    """A strategy with probability 0 is never tried."""
    chances = {**dict.fromkeys(STRATEGIES, 0.0), "paraphrase": 1.0}
    assert {a.strategy for a in grow(train_rows, probabilities=chances)} == {"paraphrase"}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_severity_never_falls(
    at_severity: Callable[..., Conversation], severity: str, strategy: str
) -> None:
    """Over 7 types and 20 seeds no child is milder than its parent, and most parents have one."""
    chances = {**dict.fromkeys(STRATEGIES, 0.0), strategy: 1.0}
    made = [
        child
        for kind in CrisisType
        for seed in range(20)
        for child in children(grow([at_severity(severity, kind)], probabilities=chances, seed=seed))
    ]
    acute = severity_rank(severity) >= severity_rank("high")
    assert len(made) == (0 if acute and strategy == "demographic_diversity" else 140)
    assert all(severity_rank(c.gold.crisis.severity) >= severity_rank(severity) for c in made)


def test_a_child_whose_user_scans_milder_leaves_by_name(
    at_severity: Callable[..., Conversation],
) -> None:
    """Where the filters score a child below its parent, it is dropped as severity_lost."""

    def scan(turns: Sequence[Message]) -> str:
        return "moderate" if turns[0].content.startswith("I keep losing") else "low"

    chances = {**dict.fromkeys(STRATEGIES, 0.0), "context_expansion": 1.0}
    attempts = [
        attempt
        for seed in range(8)
        for attempt in grow([at_severity("moderate")], probabilities=chances, scan=scan, seed=seed)
    ]
    assert {attempt.exit for attempt in attempts} == {"severity_lost", ""}
    edges = pipeline.edges([at_severity("moderate")], attempts[:1])
    assert edges[0].exit in {"severity_lost", ""}


def test_an_unscored_text_is_not_called_milder(at_severity: Callable[..., Conversation]) -> None:
    """A child is dropped only when both are scored."""
    scores = iter(["high", *["unscored"] * 10])
    attempts = grow([at_severity("moderate")], scan=lambda _: next(scores))
    assert "severity_lost" not in {attempt.exit for attempt in attempts}


def test_every_row_stands_in_the_ledger(train_rows: list[Conversation]) -> None:
    """A row without a child leaves as no_child, so that nothing read is without a trace."""
    attempts = grow(train_rows, probabilities=dict.fromkeys(STRATEGIES, 0.2))
    edges = pipeline.edges(train_rows, attempts)
    made = children(attempts)
    ledger.check_conserved(edges, (row.id for row in train_rows), (child.id for child in made))
    assert {edge.exit for edge in edges} == {"", "no_child"}


def test_a_row_of_another_split_is_refused(train_rows: list[Conversation]) -> None:
    """Children of validation or test would leak, so the stage refuses and says what to do."""
    row = msgspec.structs.replace(train_rows[0], split="test")
    with pytest.raises(LineageError, match=re.escape(f"row {row.id} is of split test")):
        grow([row])


def child_of(parent: Conversation, **changes: object) -> Conversation:
    """Make a child by hand, with the changes given."""
    operation = Operation("paraphrase", 1, 29, [])
    return msgspec.structs.replace(
        parent, id="c" * 32, parent=parent.id, operation=operation, **changes
    )


def test_a_milder_child_is_refused(at_severity: Callable[..., Conversation]) -> None:
    """The guard can fail: a child with lower gold severity raises, naming both rows."""
    parent = at_severity("high")
    child = child_of(parent, gold=Gold(Crisis(["suicidal_ideation"], "low", "ongoing", [])))
    with pytest.raises(LineageError, match=f"{child.id} by paraphrase has severity low.*has high"):
        pipeline.check_conserved(parent, child)


def test_changed_crisis_wording_is_refused(at_severity: Callable[..., Conversation]) -> None:
    """The guard can fail: one changed word in a sentence that carries risk raises."""
    parent = at_severity("moderate")
    softened = Message("user", parent.messages[0].content.replace("killing", "upsetting"))
    child = child_of(parent, messages=[softened, *parent.messages[1:]])
    with pytest.raises(LineageError, match="changed 1 sentences of parent"):
        pipeline.check_conserved(parent, child)
    assert pipeline.check_conserved(parent, child_of(parent)) is None
