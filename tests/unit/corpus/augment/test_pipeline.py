"""Children: chosen from the row alone, of the parent's family, never milder."""

import random
import re
from collections.abc import Callable, Sequence

import msgspec
import pytest

from caretune import records
from caretune.corpus.augment import demographic_diversity, pipeline, traces
from caretune.corpus.augment.draft import Draft
from caretune.corpus.augment.pipeline import Attempt, Recipe
from caretune.corpus.conservation import Scan, Scanned
from caretune.errors import LineageError
from caretune.lineage import digest, identity, ledger
from caretune.records import Conversation, Crisis, Gold, Message, Operation
from caretune.safety.taxonomy import SEVERITIES, CrisisType, severity_rank

STRATEGIES = list(pipeline.STRATEGIES)
Grow = Callable[..., list[Attempt]]


@pytest.fixture(scope="session")
def grow(recipe: Recipe, silent: Scan) -> Grow:
    """Try every strategy on every row, with the changes given."""

    def tried(rows: Sequence[Conversation], **changes: object) -> list[Attempt]:
        scan = changes.pop("scan", silent)
        return list(pipeline.augment(rows, recipe._replace(**changes), scan))

    return tried


def only(strategy: str) -> dict[str, float]:
    """Return chances with which one strategy is always tried and the others never."""
    return {**dict.fromkeys(STRATEGIES, 0.0), strategy: 1.0}


def children(attempts: Sequence[Attempt]) -> list[Conversation]:
    """Return the children that were made."""
    return [attempt.child for attempt in attempts if attempt.child is not None]


def test_a_child_is_of_its_parents_family_licence_and_split(
    grow: Grow, train_rows: list[Conversation]
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


def test_equal_inputs_give_equal_bytes(grow: Grow, train_rows: list[Conversation]) -> None:
    """Two runs over the same rows write the same children, byte for byte."""
    first, second = (
        [records.encode(child) for child in children(grow(train_rows))] for _ in range(2)
    )
    assert first == second


def test_children_do_not_depend_on_other_rows(grow: Grow, train_rows: list[Conversation]) -> None:
    """A row has the same children alone, and among others in another order."""
    alone = children(grow(train_rows[3:4]))
    among = [
        child for child in children(grow(train_rows[::-1])) if child.parent == train_rows[3].id
    ]
    assert alone == among


def test_another_seed_gives_other_children(grow: Grow, train_rows: list[Conversation]) -> None:
    """The seed reaches the text of the children."""
    ids = [{child.id for child in children(grow(train_rows, seed=seed))} for seed in (1, 2)]
    assert len(ids[0] & ids[1]) < len(ids[0]) / 4


def test_no_parent_has_more_children_than_allowed(
    grow: Grow, train_rows: list[Conversation]
) -> None:
    """`max_children` bounds the strategies tried on a parent."""
    attempts = grow(train_rows, max_children=2)
    assert {sum(a.parent.id == row.id for a in attempts) for row in train_rows} == {2}


def test_a_probability_of_zero_makes_no_child(grow: Grow, train_rows: list[Conversation]) -> None:
    """A strategy with probability 0 is never tried."""
    assert {a.strategy for a in grow(train_rows, probabilities=only("paraphrase"))} == {
        "paraphrase"
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_severity_never_falls(
    grow: Grow, at_severity: Callable[..., Conversation], severity: str, strategy: str
) -> None:
    """Over 7 types and 20 seeds no child is milder than its parent, and most parents have one."""
    made = [
        child
        for kind in CrisisType
        for seed in range(20)
        for child in children(
            grow([at_severity(severity, kind)], probabilities=only(strategy), seed=seed)
        )
    ]
    acute = severity_rank(severity) >= severity_rank("high")
    assert len(made) == (0 if acute and strategy == "demographic_diversity" else 140)
    assert all(severity_rank(c.gold.crisis.severity) >= severity_rank(severity) for c in made)


def test_a_child_whose_user_scans_milder_leaves_by_name(
    grow: Grow, at_severity: Callable[..., Conversation]
) -> None:
    """Where the filters score a child below its parent, it is dropped as severity_lost."""

    def scan(turns: Sequence[Message]) -> Scanned:
        return Scanned("moderate" if turns[0].content.startswith("I keep losing") else "low")

    attempts = [
        attempt
        for seed in range(40)
        for attempt in grow(
            [at_severity("moderate")],
            probabilities=only("context_expansion"),
            scan=scan,
            seed=seed,
        )
    ]
    assert {attempt.exit for attempt in attempts} == {"severity_lost", ""}
    for attempt in attempts:
        assert (attempt.child is None) == (attempt.exit == "severity_lost")
        assert attempt.before == Scanned("moderate")


@pytest.mark.parametrize(
    ("before", "after", "lost"), [("high", "unscored", True), ("unscored", "low", False)]
)
def test_risk_that_is_not_read_any_more_is_lost(
    grow: Grow, at_severity: Callable[..., Conversation], before: str, after: str, *, lost: bool
) -> None:
    """A child that the filters cannot read is dropped where they saw risk in the parent."""
    scores = iter([before, *[after] * 10])
    attempts = grow([at_severity("moderate")], scan=lambda _: Scanned(next(scores)))
    assert ("severity_lost" in {attempt.exit for attempt in attempts}) is lost


def test_the_same_words_of_the_user_are_scanned_once(
    grow: Grow, at_severity: Callable[..., Conversation]
) -> None:
    """A child whose user says what the parent's does takes over the parent's scan."""
    calls = []
    [attempt] = grow(
        [at_severity("high")],
        probabilities=only("paraphrase"),
        scan=lambda turns: calls.append(turns) or Scanned("high"),
    )
    assert attempt.before is attempt.after
    assert len(calls) == 1


def test_a_child_too_near_its_parent_leaves_by_name(grow: Grow, parent: Conversation) -> None:
    """Above max_parent_similarity a child leaves as near_parent, at it it stays, unscanned."""
    [made] = grow([parent], probabilities=only("paraphrase"))
    limits = {made.similarity: "", made.similarity - 0.001: "near_parent"}
    for limit, way in limits.items():
        [found] = grow([parent], probabilities=only("paraphrase"), max_parent_similarity=limit)
        assert (found.exit, found.similarity) == (way, made.similarity)


def twins(grow: Grow, parent: Conversation, **changes: object) -> list[Attempt]:
    """Make a counterfactual pair."""
    chances = only("demographic_diversity")
    return grow([parent], probabilities=chances, counterfactual_rate=1.0, **changes)


def test_twins_share_a_name_of_their_own(grow: Grow, parent: Conversation) -> None:
    """Both carry the first 16 hex digits of sha256(seed, parent id, "pair")."""
    pairs = {attempt.child.operation.pair for attempt in twins(grow, parent)}
    assert pairs == {digest.sha256_value([29, parent.id, "pair"])[:16]}
    [single] = grow([parent], probabilities=only("demographic_diversity"))
    assert single.child.operation.pair is None


def test_twins_leave_together(grow: Grow, parent: Conversation) -> None:
    """Where one twin is dropped, the other leaves as twin_lost."""
    scores = iter(["low", "low", "none"])
    attempts = twins(grow, parent, scan=lambda _: Scanned(next(scores)))
    assert [attempt.exit for attempt in attempts] == ["twin_lost", "severity_lost"]
    assert children(attempts) == []


def test_twins_count_as_two_children(grow: Grow, parent: Conversation) -> None:
    """With room for one child there is one, and no twins."""
    [single] = twins(grow, parent, max_children=1)
    assert single.child.operation.pair is None


def test_twins_that_differ_otherwise_are_refused(
    grow: Grow, parent: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard can fail: a strategy whose twins differ in another turn raises."""
    made = demographic_diversity.twins(parent, random.Random(1))
    turns = [*made[1].conversation.messages[:-1], Message("assistant", "You people worry a lot.")]
    other = msgspec.structs.replace(made[1].conversation, messages=turns)
    faulty = [made[0], Draft(other, made[1].edits)]
    monkeypatch.setattr(demographic_diversity, "twins", lambda *_: faulty)
    with pytest.raises(LineageError, match="differ in more than the client's background"):
        twins(grow, parent)


def test_every_row_stands_in_the_ledger(grow: Grow, train_rows: list[Conversation]) -> None:
    """A row without a child leaves as no_child, so that nothing read is without a trace."""
    attempts = grow(train_rows, probabilities=dict.fromkeys(STRATEGIES, 0.2))
    edges = list(traces.edges(traces.trace(attempts), [row.id for row in train_rows]))
    made = children(attempts)
    ledger.check_conserved(edges, (row.id for row in train_rows), (child.id for child in made))
    assert {edge.exit for edge in edges} == {"", "no_child"}


def test_a_row_of_another_split_is_refused(grow: Grow, train_rows: list[Conversation]) -> None:
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
