"""Crisis conservation on the page: it is said to hold only where it does."""

import pytest

from caretune.reports import conservation
from tests.fixtures import data_figures


@pytest.fixture
def stages():
    """The four stages, all rows at risk accounted for."""
    found = data_figures.every()
    named = ("ingest", "split", "augment", "safety_label")
    return {name.replace("_", "-"): found[name] for name in named}


def test_conservation_holds_where_every_row_is_accounted_for(stages):
    """In = out + named exits, and no child is milder."""
    drawn = conservation.verdict(stages, data_figures.augment()).html
    assert 'class="banner pass"' in drawn
    assert "Crisis conservation holds" in drawn
    assert "gone without an exit: 0" in drawn


@pytest.mark.parametrize("out", [pytest.param(4, id="lost"), pytest.param(6, id="from-nowhere")])
def test_row_that_is_gone_breaks_conservation(stages, out):
    """One row fewer, or one more than came in."""
    stages["split"] = {"crisis": data_figures.crisis(5, out, {})}
    drawn = conservation.verdict(stages, data_figures.augment()).html
    assert 'class="banner fail"' in drawn
    assert "Crisis conservation does not hold" in drawn
    assert "gone without an exit: 1" in drawn


def test_faults_of_two_stages_do_not_cancel_out(stages):
    """One row too few here and one too many there are two faults."""
    stages["ingest"] = {"crisis": data_figures.crisis(5, 4, {})}
    stages["split"] = {"crisis": data_figures.crisis(5, 6, {})}
    assert "exit: 2" in conservation.verdict(stages, data_figures.augment()).html


def test_milder_child_breaks_conservation_and_is_red(stages):
    """In the self-test or in the run; the square says how many."""
    augment = data_figures.augment()
    augment["conservation"]["run"]["panic"] = data_figures.cells(2, milder=1)
    assert conservation.milder(augment) == 10
    assert "does not hold" in conservation.verdict(stages, augment).html
    drawn = conservation.matrix(augment["conservation"]["run"]).html
    assert ">1 milder</td>" in drawn
    assert "var(--fail) 75%" in drawn


def test_flow_names_the_exits_of_rows_at_risk(stages):
    """What left is named at every stage."""
    drawn = conservation.flow(stages).html
    assert "9 in → 4 out" in drawn
    assert "5 left: not sampled" in drawn
    assert "1 left: no child" in drawn


def test_severities_come_in_their_order_without_none(stages):
    """A severity that a stage did not see is a dash."""
    account = {"in": 1, "out": 1, "exits": {}}
    stages["ingest"] = {"crisis": {**account, "severities": {"low": account}}}
    drawn = conservation.severities(stages).html
    assert drawn.index(">low<") < drawn.index(">high<")
    assert "9 → 4<small>5 not sampled</small>" in drawn
    assert "\N{EN DASH}</td>" in drawn
    assert "none" not in drawn


def test_matrix_has_a_field_for_each_strategy():
    """Parents without a label have no place; where none was tried stands a dot."""
    run = data_figures.augment()["conservation"]["run"]
    nothing = {"tried": 0, "children": 0, "dropped": 0, "milder": 0}
    run["panic"]["high"] = {"paraphrase": nothing}
    drawn = conservation.matrix(run).html
    assert drawn.count("<figure>") == len(data_figures.STRATEGIES)
    assert "not labelled" not in drawn
    assert '<td title="no parent"' in drawn
    assert 'title="2 children, 0 dropped, 0 milder, 2 tried"' in drawn


def test_tint_is_of_the_rows_at_risk():
    """Rows without a type are many; they must not wash out the others."""
    drawn = conservation.matrix(data_figures.augment()["conservation"]["run"]).html
    assert 'var(--pass) 75%, var(--panel))">2</td>' in drawn
    assert 'var(--pass) 75%, var(--panel))">9</td>' in drawn


def test_empty_matrix_divides_by_nothing():
    """A run without children."""
    run = {"panic": data_figures.cells(0)}
    assert ">·</td>" in conservation.matrix(run).html


def test_unlabelled_parents_are_told_apart():
    """No severity can be held against a parent that has none."""
    augment = data_figures.augment()
    assert "3 children have a parent that no author labelled; 2 of them" in (
        conservation.unlabelled(augment).html
    )
    assert "not labelled" not in conservation.labelled(augment).html
    assert "0 children have" in conservation.unlabelled({"severity_parent_child": {}}).html
