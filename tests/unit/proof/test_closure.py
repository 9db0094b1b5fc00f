"""The closure: what a row became, where it came from, and that one undoes the other."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.lineage import ledger
from caretune.lineage.ledger import Edge
from caretune.proof import closure

DATA = Path(__file__).parents[3] / "data" / "ledger"

EDGES = {
    "ingest": [
        Edge("ingest", "notes:1", to="a"),
        Edge("ingest", "notes:2", exit="duplicate", detail="same as a"),
        Edge("ingest", "notes:3", to="b"),
    ],
    "split": [
        Edge("split", "a", to="a", detail="train"),
        Edge("split", "b", to="e", detail="expert"),
    ],
    "augment": [Edge("augment", "a", to="x"), Edge("augment", "a", to="y")],
    "safety_label": [
        Edge("safety-label", "a", to="a"),
        Edge("safety-label", "x", exit="not_sampled"),
        Edge("safety-label", "y", to="y"),
    ],
}


def is_identity(edges, start):
    """Forward from raw lines, then backward from all that was reached, to the raw lines again."""
    reached = closure.forward(edges(), start).names
    raw = {edge.source for edge in edges()["ingest"]}
    return closure.backward(edges(), reached).names & raw == set(start)


def test_forward_finds_all_that_a_line_became():
    """Row, children, labelled rows and the exit of a child."""
    found = closure.forward(EDGES, ["notes:1"])
    assert found.names == {"notes:1", "a", "x", "y"}
    assert [edge.exit for edge in found.edges["safety_label"]] == ["", "not_sampled", ""]
    assert closure.forward(EDGES, ["notes:3"]).names == {"notes:3", "b", "e"}


def test_backward_finds_the_line_of_a_child():
    """Its parent and the raw line, but none of its siblings."""
    found = closure.backward(EDGES, ["y"])
    assert found.names == {"y", "a", "notes:1"}
    assert found.edges["augment"] == [Edge("augment", "a", to="y")]
    assert list(found.edges) == list(closure.STAGES)


def test_an_unknown_row_is_alone():
    """Nothing comes from it or leads to it."""
    assert closure.forward(EDGES, ["z"]).names == closure.backward(EDGES, ["z"]).names == {"z"}


def test_a_duplicate_leaves_and_touches_nothing():
    """It does not share the fate of the row that it repeats."""
    found = closure.forward(EDGES, ["notes:2"])
    assert found.names == {"notes:2"}
    assert found.edges["ingest"][0].exit == "duplicate"


@pytest.mark.parametrize("line", ["notes:1", "notes:2", "notes:3"])
def test_forward_then_backward_is_the_identity(line):
    """Each line of the fixture comes back to itself alone."""
    assert is_identity(lambda: EDGES, [line])


def test_the_identity_can_fail():
    """Two lines that became one row without an exit are found out."""
    merged = EDGES | {"ingest": [*EDGES["ingest"], Edge("ingest", "notes:4", to="a")]}
    assert not is_identity(lambda: merged, ["notes:1"])


@given(st.data())
def test_any_forest_has_the_identity(data):
    """Whatever rows leave, are drawn or have children."""
    rows = [str(n) for n in range(data.draw(st.integers(1, 8)))]
    edges = {stage: [] for stage in closure.STAGES}
    for row in rows:
        edges["ingest"].append(Edge("ingest", f"s:{row}", to=row))
        kept = data.draw(st.booleans())
        edges["split"].append(Edge("split", row, to=row if kept else f"expert {row}"))
        children = data.draw(st.integers(0, 3)) if kept else 0
        edges["augment"] += [Edge("augment", row, to=f"{row}/{n}") for n in range(children)]
    for edge in edges["augment"]:
        kept = data.draw(st.booleans())
        end = {"to": edge.to} if kept else {"exit": "not_sampled"}
        edges["safety_label"].append(Edge("safety-label", edge.to, **end))
    assert is_identity(lambda: edges, data.draw(st.lists(st.sampled_from(edges["ingest"]), max_size=3).map(
        lambda drawn: {edge.source for edge in drawn}
    )))  # fmt: skip


@pytest.mark.skipif(
    not (DATA / "ingest.jsonl").exists(), reason="the pipeline has not run in this checkout"
)
def test_200_random_rows_of_the_real_ledgers_have_the_identity():
    """Forward closure, then backward closure, gives the row and its raw line back."""
    edges = {stage: ledger.read(DATA / f"{stage}.jsonl") for stage in closure.STAGES}
    drawn = random.Random(5).sample([edge.source for edge in edges["ingest"]], 200)
    assert sum(is_identity(lambda: edges, [line]) for line in drawn) == 200


def test_ledgers_are_streamed_in_the_order_of_the_stages(tmp_path):
    """A folder gives what its files hold."""
    for stage, found in EDGES.items():
        ledger.write(tmp_path / f"{stage}.jsonl", found)
    found = closure.forward(closure.ledgers(tmp_path), ["notes:1"])
    assert found == closure.forward(EDGES, ["notes:1"])
