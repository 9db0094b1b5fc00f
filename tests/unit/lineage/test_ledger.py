"""The row ledger: no row is lost, comes from nowhere, or is claimed twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.errors import CaretuneError, LineageError, RecordError
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


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), st.text(max_size=3)), max_size=8))
def test_any_text_survives_the_sort_key(tmp_path_factory, pairs):
    """What is written is read back, whatever letters ids and details have; one source in a run."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    edges = [Edge("s", source, exit="left", detail=detail) for source, detail in pairs]
    found = ledger.write(path, iter(edges))
    assert sorted(ledger.read(path)) == sorted(edges)
    assert found == ledger.summarise(ledger.stream(path))
    assert found.rows_read == len({source for source, _ in pairs})


def test_a_ledger_longer_than_a_piece_is_streamed_whole(tmp_path, monkeypatch):
    """Where one piece ends, the next one goes on."""
    monkeypatch.setattr(ledger, "_PIECE_BYTES", 50)
    edges = [Edge("split", f"{n:02}", to=f"{n:02}") for n in range(20)]
    ledger.write(tmp_path / "ledger", edges)
    assert list(ledger.stream(tmp_path / "ledger")) == edges


def test_a_line_that_is_no_edge_is_named(tmp_path):
    """File and line, and nothing of its text."""
    ledger.write(tmp_path / "ledger", [KEPT])
    with (tmp_path / "ledger").open("a") as file:
        file.write('{"from": 7}\n')
    with pytest.raises(
        RecordError, match=r"ledger line 2: Expected `str`, got `int` - at `\$.from`"
    ):
        ledger.read(tmp_path / "ledger")


def test_no_ledger_is_one_sentence(tmp_path):
    """A file that is not there is named, with what to do."""
    with pytest.raises(CaretuneError, match=r"nowhere: no such file\. Check the path"):
        ledger.read(tmp_path / "nowhere")
