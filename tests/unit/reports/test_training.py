"""Figures of the trainings."""

from caretune.reports import training


def test_expert_load_is_that_of_the_last_step_that_logged_it():
    """A later row without router figures does not hide it."""
    history = [
        {"step": 1, "router/load/general": 0.9, "router/load/crisis_safety": 0.1},
        {"step": 2, "router/load/general": 0.25, "router/load/crisis_safety": 0.75},
        {"step": 2.5, "validation_nll": 4.0},
    ]
    drawn = training.expert_load(history).html
    assert "25.0\N{NO-BREAK SPACE}%" in drawn
    assert "75.0\N{NO-BREAK SPACE}%" in drawn
    assert "90.0\N{NO-BREAK SPACE}%" not in drawn
    assert "crisis safety" in drawn
