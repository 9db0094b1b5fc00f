"""The pictures of a sweep."""

import pytest

from caretune.reports import sweep_figures


def trial(number, score, seconds=10.0, **changes):
    """Build a trial as the report reads it."""
    given = {
        "number": number,
        "score": score,
        "training_seconds": seconds,
        "params": {"train.learning_rate": 1e-3 * (number + 1), "train.schedule": "cosine"},
        "is_default": number == 0,
        "retry_of": None,
        "reason": "",
    }
    return given | changes


TRIALS = [
    trial(0, 4.0),
    trial(1, 3.9, seconds=12.0),
    trial(2, None, reason="exit code 255: <no luck>"),
    trial(20, 4.1, seconds=9.0, retry_of=2),
]


def test_every_trial_is_a_line_through_its_values():
    """With the ends of every axis in words."""
    drawn = sweep_figures.parallel(TRIALS, 1, "minimize").html
    for words in (">0.001<", ">0.021<", ">cosine<", ">4.1<", "lower is better"):
        assert words in drawn


def test_equal_trials_give_equal_bytes():
    """No random ids in the drawing."""
    first = sweep_figures.overview(TRIALS, [20, 0, 1], "minimize")
    assert first.html == sweep_figures.overview(TRIALS, [20, 0, 1], "minimize").html


def test_the_front_is_numbered():
    """So that it can be found in the table."""
    drawn = sweep_figures.pareto(TRIALS, [20, 0, 1], "minimize").html
    assert all(f">{number}<" in drawn for number in (20, 0, 1))


@pytest.mark.parametrize(("direction", "word"), [("minimize", "lower"), ("maximize", "higher")])
def test_progress_says_which_end_is_good(direction, word):
    """A score has a direction."""
    assert f"score, {word} is better" in sweep_figures.progress(TRIALS, direction).html


def test_without_a_complete_trial_a_sentence_stands_there():
    """No empty axes."""
    none = [trial(0, None)]
    assert "No trial is complete." in sweep_figures.overview(none, [], "minimize").html
    assert "No trial is complete." in sweep_figures.parallel(none, None, "minimize").html


@pytest.mark.parametrize(("is_firm", "doubted"), [(True, False), (False, True)])
def test_an_importance_of_few_trials_is_doubted(is_firm, doubted):
    """A hint is called one."""
    drawn = sweep_figures.importance({"train.learning_rate": 1.0}, is_firm).html
    assert ("a hint at most" in drawn) is doubted
    assert "learning rate" in drawn


def test_no_importance_is_said():
    """Not drawn as zero."""
    assert "Too few trials" in sweep_figures.importance(None, is_firm=False).html


def test_failures_stand_with_their_reason():
    """Escaped; what runs has none yet."""
    drawn = sweep_figures.failed([*TRIALS, trial(21, None)]).html
    assert "exit code 255: &lt;no luck&gt;" in drawn
    assert "still running" in drawn
    assert "No trial failed." in sweep_figures.failed(TRIALS[:2]).html


def test_the_table_marks_best_default_and_retries():
    """By number."""
    drawn = sweep_figures.listed(TRIALS, 1).html
    for words in ("0 (default)", "1 (best)", "20 (retry of 2)"):
        assert words in drawn
