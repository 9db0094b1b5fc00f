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


def test_severities_come_in_order_of_gravity():
    """JSON sorts by letter; readers do not."""
    counts = {"high": 1, "imminent": 2, "none": 3, "unlabelled": 4}
    assert list(tables.ordered(counts)) == ["none", "high", "imminent", "unlabelled"]


def test_matrix_marks_the_diagonal():
    """Equal severities stand out; a pair that never was is 0."""
    drawn = tables.matrix("parent", {"high": {"high": 6}, "none": {"none": 5, "high": 1}}).html
    assert drawn.index("<td>none</td>") < drawn.index("<td>high</td>")
    assert "<b>6</b>" in drawn
    assert "<b>5</b>" in drawn
    assert '<td class="figure">0</td>' in drawn


def test_difficulties_and_splits_have_orders_of_their_own():
    """`moderate` is a severity and a difficulty."""
    difficulties = {"crisis": 1, "hard": 1, "moderate": 1, "routine": 1}
    assert list(tables.ordered(difficulties)) == ["routine", "moderate", "hard", "crisis"]
    assert list(tables.ordered({"test": 1, "train": 2})) == ["train", "test"]


def test_rate_that_was_not_measured_draws_no_bar():
    """A type without a finding has no precision, and no bar at zero."""
    columns = [
        tables.Column("found", "recall", tables.meter),
        tables.Column("right", "precision", tables.warning),
        tables.Column("labelled", "n"),
    ]
    drawn = tables.of("type", {"IP": {"n": 4, "recall": 0.5, "precision": None}}, columns).html
    assert "not measured" in drawn
    assert drawn.count('class="meter"') == 1
    assert "width:50.0%" in drawn
    assert '<td class="figure">4</td>' in drawn


def test_share_draws_its_interval_on_the_bar():
    """The bar ends at the value, the line runs from one end of the interval to the other."""
    drawn = tables.share({"value": 0.5, "low": 0.4, "high": 0.65, "n": 1200}).html
    assert "width:50.0%" in drawn
    assert "left:40.0%;width:25.0%" in drawn
    assert "40.0\N{NO-BREAK SPACE}% to 65.0\N{NO-BREAK SPACE}%, n = 1,200" in drawn


def test_share_of_nothing_is_not_drawn():
    """Nothing counted is no bar at zero."""
    assert tables.caution({"value": None, "low": None, "high": None, "n": 0}).html == "not measured"


def test_shares_stand_left_as_drawings():
    """A column of drawings is no column of figures."""
    rate = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    columns = [tables.Column("seen", "any", tables.share), tables.Column("n", "n")]
    drawn = tables.of("type", {"panic": {"any": rate, "n": 3}}, columns).html
    assert drawn.count('class="figure"') == 2
    assert '<td class="figure">3</td>' in drawn


def test_heat_tells_milder_from_graver():
    """On the diagonal right, left of it too mild, right of it too grave; tinted by share."""
    counts = {"none": {"none": 5, "low": 5}, "low": {"none": 2, "low": 8}}
    drawn = tables.heat("authored", counts).html
    assert drawn.count("var(--pass)") == 2
    assert "var(--open) 35%" in drawn
    assert "var(--fail) 14%" in drawn
    assert "80.0" in drawn


def test_heat_leaves_out_a_severity_without_messages():
    """A row of nothing divides by nothing; as a verdict the severity keeps its column."""
    drawn = tables.heat("authored", {"none": {"high": 1}}).html
    assert drawn.count("<tr>") == 2
    assert drawn.count("<td") == 3
