"""Tables, bars and the flow of rows."""

from caretune.reports import tables
from caretune.reports.tables import Step


def test_table_escapes_its_cells():
    """Cells are text."""
    drawn = tables.table(["name", "n"], [["<x>", 3]]).html
    assert "<td>&lt;x&gt;</td>" in drawn
    assert '<td class="figure">3</td>' in drawn


def test_flow_names_every_exit_and_what_was_added():
    """Rows read = rows kept + named exits; what is new is told apart."""
    drawn = tables.flow(
        [
            Step("ingest", "", read=10, written=8, exits={"duplicate": 2}),
            Step("augment", "", read=8, written=20, exits={}),
        ]
    ).html
    assert "10 read → 8 written" in drawn
    assert "2 left: duplicate" in drawn
    assert "8 read → 20 written, 12 new" in drawn
    assert 'class="left" style="width:10.00%"' in drawn


def test_longest_bar_fills_its_track():
    """Amounts are drawn against the largest; rates against 1."""
    assert "width:100.00%" in tables.bars({"a": 4, "b": 1}).html
    assert "width:25.00%" in tables.bars({"a": 4, "b": 1}).html
    assert "width:50.00%" in tables.bars({"a": 0.5}, "rate").html


def test_bars_of_nothing_are_empty():
    """All amounts zero draw no bar and divide by nothing."""
    assert "width:0.00%" in tables.bars({"a": 0}).html
