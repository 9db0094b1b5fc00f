"""The figures of augmentation."""

from collections import Counter

import msgspec
import pytest

from caretune import records
from caretune.corpus import grams
from caretune.corpus.augment import figures, pipeline, traces
from caretune.corpus.augment.pipeline import Attempt, Recipe
from caretune.corpus.conservation import Scan, Scanned
from caretune.records import Conversation, Message, Operation

CHANCES = dict.fromkeys(pipeline.STRATEGIES, 0.5)
LOW, NONE = Scanned("low"), Scanned("none")


def report(rows: list[Conversation], attempts: list[Attempt]) -> dict[str, object]:
    """Report attempts in one piece."""
    return figures.figures(
        Counter(map(traces.severity, rows)),
        list(traces.trace(attempts)),
        figures.sample(rows, attempts),
        probabilities=CHANCES,
        wanted_ratio=3.43,
    )


def child_of(parent: Conversation, strategy: str = "paraphrase") -> Conversation:
    """Make a child that repeats its parent."""
    operation = Operation(strategy, 1, 29, [])
    return msgspec.structs.replace(parent, id="c" * 32, parent=parent.id, operation=operation)


def test_figures_of_two_attempts(parent: Conversation) -> None:
    """Ratio, counts, nearness and severities of one child that repeats its parent and one exit."""
    attempts = [
        Attempt(parent, "paraphrase", child_of(parent), "", 1.0, NONE, NONE),
        Attempt(parent, "crisis_scenarios", None, "severity_lost", 0.5, LOW, NONE),
    ]
    found = report([parent], attempts)
    assert (found["ratio"], found["wanted_ratio"], found["pairs"]) == (2.0, 3.43, 0)
    assert (found["near_parent_rate"], found["parent_similarity"]) == (0.5, 0.75)
    one, other = (found["strategies"][n] for n in ("paraphrase", "crisis_scenarios"))
    assert (one["tried"], one["made"], one["near_parent_rate"], one["probability"]) == (
        1,
        1,
        1,
        0.5,
    )
    assert (other["severity_lost"], other["made"]) == (1, 0)
    assert found["exits"] == {"severity_lost": 1}
    assert found["severity_parent_child"] == {"none": {"none": 1}}
    assert found["distinct_2_added"] is None
    assert found["distinct_2"] == found["distinct_2_train"]


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        pytest.param("low", "low", "same", id="same"),
        pytest.param("low", "moderate", "one_step_graver", id="one step"),
        pytest.param("low", "imminent", "graver", id="more"),
        pytest.param("low", "none", "milder", id="milder"),
        pytest.param("low", "unscored", "unscored", id="unscored"),
    ],
)
def test_labels_agree_parent_to_child(
    parent: Conversation, before: str, after: str, counted: str
) -> None:
    """Each pair of the filters' severities counts once; unscored ones are no disagreement."""
    scans = Scanned(before, frozenset({"panic"})), Scanned(after, frozenset({"panic"}))
    found = report([parent], [Attempt(parent, "paraphrase", child_of(parent), "", 0.5, *scans)])
    steps = ("same", "one_step_graver", "graver", "milder", "unscored")
    assert {name: found["labels"][name] for name in steps} == {
        name: int(name == counted) for name in steps
    }
    assert found["labels"]["types_overlap"] == 1.0
    assert found["labels"]["same_rate"] == {"same": 1.0, "unscored": None}.get(counted, 0.0)


def test_distinct_counts_inside_turns() -> None:
    """`a b a b` has pairs ab, ba, ab: two of three are distinct; no pair spans two turns."""
    turns = [grams.words("A b, a b."), grams.words("b")]
    assert figures.distinct(turns, 2) == 0.6667
    assert figures.distinct(turns, 1) == 0.4
    assert figures.distinct([], 2) is None


def test_a_turn_of_the_parent_is_not_added(parent: Conversation) -> None:
    """`added` counts the turns that the parent does not have."""
    said = Message("user", "one two one two")
    child = msgspec.structs.replace(child_of(parent), messages=[*parent.messages, said])
    found = report([parent], [Attempt(parent, "paraphrase", child, "", 0.5)])
    assert found["distinct_1_added"] == 0.5
    assert found["strategies"]["paraphrase"]["distinct_1_added"] == 0.5
    assert found["strategies"]["context_expansion"]["distinct_1"] is None


def test_shards_in_any_order_give_the_same_figures(
    train_rows: list[Conversation], recipe: Recipe, silent: Scan
) -> None:
    """Three shards, in another order, and with fewer rows sampled than there are: equal bytes."""
    shards = [train_rows[:11], train_rows[11:30], train_rows[30:]]
    attempts = [list(pipeline.augment(shard, recipe, silent)) for shard in shards]

    def found(order: list[int]) -> bytes:
        shown = [one for at in order for one in traces.trace(attempts[at])]
        samples = [figures.sample(shards[at], attempts[at]) for at in order]
        return records.encode(
            figures.figures(
                Counter(map(traces.severity, train_rows)),
                traces.without_duplicates(shown),
                figures.merged(samples),
                probabilities=CHANCES,
                wanted_ratio=3.43,
            )
        )

    assert found([0, 1, 2]) == found([2, 0, 1])


def test_the_sample_is_bounded_and_fair(
    parent: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the lowest ids, however many come, and however they are merged."""
    monkeypatch.setattr(figures, "SAMPLED", 3)
    rows = [msgspec.structs.replace(parent, id=f"{n:032x}") for n in range(20)]
    whole = figures.sample(rows[::-1], [])
    merged = figures.merged([figures.sample(rows[10:], []), figures.sample(rows[:10], [])])
    assert whole == merged
    assert sorted(whole["train"]) == [row.id for row in rows[:3]]


def test_a_child_of_two_parents_is_sampled_once(parent: Conversation) -> None:
    """As without duplicates, the child of the smaller parent stays, so that `added` agrees."""
    other = msgspec.structs.replace(parent, id="1" * 32)
    attempts = [Attempt(row, "paraphrase", child_of(row), "") for row in (other, parent)]
    [words] = figures.sample([], attempts)["paraphrase"].values()
    assert words.parent == parent.id
