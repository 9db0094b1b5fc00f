"""The study in its file: alone, and of one kind of trials."""

import optuna
import pytest

from caretune.errors import CaretuneError, LineageError
from caretune.training.sweep import study

SETTINGS = {"seed": 1, "space.k": [1, 2]}


def opened(folder, settings=SETTINGS):
    """Open the study `one`."""
    return study.opened(folder, "one", "minimize", settings)


def test_a_study_is_kept(tmp_path):
    """What was told is there when it is opened again."""
    with opened(tmp_path) as first:
        first.add_trial(optuna.create_trial(value=2.0))
    with opened(tmp_path) as again:
        assert [trial.score for trial in study.trials(again)] == [2.0]
        assert study.settings(again) == SETTINGS


def test_two_drivers_are_kept_apart(tmp_path):
    """The second is told which process has it."""
    with (
        opened(tmp_path),
        pytest.raises(
            LineageError,
            match=r"sweep one: process \d+ works on it already\. Wait for it, or end it",
        ),
        opened(tmp_path),
    ):
        pass


def test_another_space_is_refused_and_named(tmp_path):
    """Trials of two spaces do not compare."""
    with opened(tmp_path):
        pass
    with (
        pytest.raises(
            LineageError,
            match=r"another space\.k \(was \[1, 2\], is \[1, 3\]\)\. Set that back, or give",
        ),
        opened(tmp_path, SETTINGS | {"space.k": [1, 3]}),
    ):
        pass


def test_many_differences_are_counted(tmp_path):
    """Five are named."""
    with opened(tmp_path):
        pass
    with (
        pytest.raises(LineageError, match=r"f4 \(was absent, is x{37}\.\.\.\) and 2 more\."),
        opened(tmp_path, SETTINGS | {f"f{place}": "x" * 64 for place in range(7)}),
    ):
        pass


def test_a_study_that_was_never_begun_is_an_error(tmp_path):
    """It says how to begin it."""
    with pytest.raises(CaretuneError, match=r"sweep two: no study in .* `caretune sweep tpe two`"):
        study.read(tmp_path, "two")


def test_a_study_can_be_read_while_it_is_open(tmp_path):
    """`show` needs no lock."""
    with opened(tmp_path):
        assert study.trials(study.read(tmp_path, "one")) == []


@pytest.mark.parametrize(("direction", "number"), [("minimize", 1), ("maximize", 0)])
def test_the_best_is_the_first_of_the_best_scores(tmp_path, direction, number):
    """Lower or higher, by the direction; a failed trial has none."""
    with opened(tmp_path) as found:
        for score in (3.0, 2.0, 2.0):
            found.add_trial(optuna.create_trial(value=score))
        found.add_trial(optuna.create_trial(state=optuna.trial.TrialState.FAIL))
        best = study.best(study.trials(found), direction)
    assert best.number == number


def test_no_trial_no_best():
    """None, not an error."""
    assert study.best([], "minimize") is None
