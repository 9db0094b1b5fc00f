"""The row ledger: no row is lost, comes from nowhere, or is claimed twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.errors import LineageError
from caretune.lineage import ledger
from caretune.lineage.ledger import Edge

KEPT, LEFT = Edge("split", "a", to="a"), Edge("split", "b", exit="duplicate", detail="same as a")


def test_edges_are_written_sorted_and_read_back(tmp_path):
    """The file does not depend on the order in which rows came."""
    ledger.write(tmp_path / "one", [LEFT, KEPT])
    ledger.write(tmp_path / "two", [KEPT, LEFT])
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_text().splitlines()[0] == '{"from":"a","stage":"split","to":"a"}'
    assert ledger.read(tmp_path / "one") == [KEPT, LEFT]


@pytest.mark.parametrize("edge", [Edge("split", "a"), Edge("split", "a", to="a", exit="lost")])
def test_an_edge_goes_to_one_end(tmp_path, edge):
    """Neither or both of `to` and `exit` is refused, and nothing is written."""
    with pytest.raises(LineageError, match="ledger edge from a in split: needs `to` or `exit`"):
        ledger.write(tmp_path / "ledger", [edge])
    assert not (tmp_path / "ledger").exists()


def test_the_summary_counts_rows_not_edges():
    """A parent of two children is read once; exits are counted by name."""
    edges = [
        Edge("augment", "a", to="x"),
        Edge("augment", "a", to="y"),
        Edge("augment", "b", exit="no_child"),
    ]
    found = ledger.summarise(edges)
    assert (found.stage, found.rows_read, found.rows_written) == ("augment", 2, 2)
    assert found.exits == {"no_child": 1}


def test_the_root_changes_with_any_edge():
    """One detail in one edge gives another root."""
    other = Edge("split", "b", exit="duplicate", detail="same as c")
    assert ledger.summarise([KEPT, LEFT]).root != ledger.summarise([KEPT, other]).root


@pytest.mark.parametrize(
    ("read", "written", "fault"),
    [
        pytest.param("abc", "a", "c was read and left no trace", id="lost"),
        pytest.param("ab", "ad", "d came from nowhere", id="from nowhere"),
        pytest.param("a", "a", "b has an edge but was never read", id="never read"),
        pytest.param("ab", "", "a has an edge but was never written", id="dropped afterwards"),
        pytest.param("ab", "aa", "a was written 2 times", id="twice"),
    ],
)
def test_each_way_to_lose_a_row_is_told(read, written, fault):
    """Each break of `read = written + exits` has its own phrase."""
    assert ledger.unaccounted([KEPT, LEFT], read, written) == [fault]
    with pytest.raises(LineageError, match=f"split: 1 rows are not accounted for: {fault}"):
        ledger.check_conserved([KEPT, LEFT], read, written)


def test_no_rows_are_conserved_without_edges():
    """A stage that read nothing and wrote nothing lost nothing; one that read has to say so."""
    ledger.check_conserved([], [], [])
    with pytest.raises(LineageError, match="a stage without a ledger: 1 rows"):
        ledger.check_conserved([], ["a"], [])


@given(st.dictionaries(st.text(min_size=1, max_size=4), st.booleans(), max_size=12))
def test_rows_with_a_true_edge_each_are_conserved(rows):
    """Whatever is kept or left: with one edge a row nothing is unaccounted for."""
    edges = [
        Edge("s", name, to=name) if kept else Edge("s", name, exit="left")
        for name, kept in rows.items()
    ]
    kept = [name for name, stays in rows.items() if stays]
    assert ledger.unaccounted(edges, rows, kept) == []
    found = ledger.summarise(edges)
    assert found.rows_read == found.rows_written + sum(found.exits.values())
