"""What is left of attempts, and which of two equal children stays."""

import random
from collections.abc import Callable

import msgspec
import pytest

from caretune.corpus.augment import pipeline, traces
from caretune.corpus.augment.pipeline import Attempt, Recipe
from caretune.corpus.augment.traces import Trace
from caretune.corpus.conservation import Scan, Scanned
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, Crisis, Gold, Operation


def trace(parent: str, child: str, pair: str | None = None, **changes: object) -> Trace:
    """Make the trace of a child, or of a lost one with the changes given."""
    fields = {
        "parent": parent,
        "strategy": "demographic_diversity" if pair else "paraphrase",
        "child": child,
        "exit": "",
        "pair": pair,
        "kinds": (),
        "severity": "none",
        "types": (),
        "child_severity": "none",
        "similarity": 0.5,
        "sibling": None,
        "before": "none",
        "after": "none",
        "overlap": 1.0,
        "milder": False,
    }
    return Trace(**{**fields, **changes})


def made(parent: Conversation, **changes: object) -> Conversation:
    """Make a child of a parent by hand."""
    fields = {"id": "c" * 32, "parent": parent.id, "operation": Operation("paraphrase", 1, 29, [])}
    return msgspec.structs.replace(parent, **{**fields, **changes})


def test_a_trace_tells_an_attempt(parent: Conversation) -> None:
    """Ids, gold severities, and what the filters say of both."""
    before, after = Scanned("low", frozenset({"panic"})), Scanned("low", frozenset())
    attempt = Attempt(parent, "paraphrase", made(parent), "", 0.9, before, after)
    [found] = traces.trace([attempt])
    assert found == trace(
        parent.id, "c" * 32, similarity=0.9, before="low", after="low", overlap=0.0
    )


def test_a_trace_without_a_child_has_no_figures(parent: Conversation) -> None:
    """What was not drafted is not compared."""
    [found] = traces.trace([Attempt(parent, "paraphrase", None, "not_suited")])
    assert (found.child, found.similarity, found.before, found.overlap) == ("", None, "", None)
    assert not found.milder


def test_a_parent_without_gold_is_not_labelled(parent: Conversation) -> None:
    """No label is no severity `none`."""
    row = msgspec.structs.replace(parent, gold=None)
    [found] = traces.trace([Attempt(row, "paraphrase", made(row), "")])
    assert (found.severity, found.child_severity, found.types) == (
        "not_labelled",
        "not_labelled",
        (),
    )


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param({"gold": Gold(Crisis([], "low"))}, id="gold severity"),
        pytest.param({"messages": []}, id="crisis wording"),
        pytest.param({}, id="the filters' severity"),
    ],
)
def test_a_milder_child_is_seen_whatever_let_it_through(
    at_severity: Callable[[str], Conversation], lost: dict[str, object]
) -> None:
    """The guard can fail: each of the three losses marks the trace."""
    parent = at_severity("high")
    scans = (Scanned("high"), Scanned("high" if lost else "low"))
    [found] = traces.trace([Attempt(parent, "paraphrase", made(parent, **lost), "", 0.5, *scans)])
    assert found.milder
    [sound] = traces.trace([Attempt(parent, "paraphrase", made(parent), "", 0.5, *2 * scans[:1])])
    assert not sound.milder


def test_siblings_are_compared(parent: Conversation) -> None:
    """Two equal children are alike to 1.0, an only child has no sibling, a lost one does not count."""
    attempts = [Attempt(parent, "paraphrase", made(parent), "")] * 2
    assert [found.sibling for found in traces.trace(attempts)] == [1.0, 1.0]
    alone = [*attempts[:1], Attempt(parent, "paraphrase", None, "near_parent", 0.99)]
    assert [found.sibling for found in traces.trace(alone)] == [None, None]


def test_kinds_are_what_the_mix_is_about(
    train_rows: list[Conversation], recipe: Recipe, silent: Scan
) -> None:
    """Kind of context, type and difficulty of a scenario, side of a client; others have none."""
    found: dict[str, set[str]] = {}
    for one in traces.trace(pipeline.augment(train_rows, recipe, silent)):
        found.setdefault(one.strategy, set()).update(one.kinds)
    assert found["context_expansion"] == {"therapeutic", "emotional", "goals", "aftercare"}
    assert {"crisis", "panic"} <= found["crisis_scenarios"]
    assert {"ability", "culture"} <= found["demographic_diversity"]
    assert found["paraphrase"] == found["dialogue_variation"] == set()


def test_of_equal_children_that_of_the_smallest_parent_stays() -> None:
    """The others leave as duplicate, in whatever order they come."""
    found = [trace("b", "x"), trace("a", "x"), trace("c", "y")]
    for order in (found, found[::-1]):
        settled = traces.without_duplicates(order)
        assert {(one.parent, one.child, one.exit) for one in settled} == {
            ("a", "x", ""),
            ("b", "", "duplicate"),
            ("c", "y", ""),
        }


def test_the_twin_of_a_duplicate_leaves_with_it() -> None:
    """Both or none: the other twin leaves as twin_lost, the pair of another parent stays."""
    found = [
        trace("b", "x", "pair b"),
        trace("b", "z", "pair b"),
        trace("a", "x", "pair a"),
        trace("a", "y", "pair a"),
    ]
    random.Random(1).shuffle(found)
    settled = {(one.parent, one.exit): one for one in traces.without_duplicates(found)}
    assert set(settled) == {("a", ""), ("b", "duplicate"), ("b", "twin_lost")}
    assert settled["b", "twin_lost"].pair is None


def test_edges_tell_every_parents_way() -> None:
    """Children, lost children, and no_child where nothing was drafted."""
    found = [
        trace("a", "x"),
        trace("b", "", exit="near_parent"),
        trace("c", "", exit="not_suited"),
    ]
    assert list(traces.edges(found, ["a", "b", "c", "d"])) == [
        Edge("augment", "a", to="x"),
        Edge("augment", "b", exit="near_parent", detail="paraphrase"),
        Edge("augment", "c", exit="no_child"),
        Edge("augment", "d", exit="no_child"),
    ]
