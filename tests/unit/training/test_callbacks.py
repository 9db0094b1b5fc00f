"""Figures and checkpoints follow the steps."""

from types import SimpleNamespace

import pytest

from caretune.training import callbacks


class Shown:
    """Stands for dvclive's Live."""

    def __init__(self) -> None:
        self.step = 0
        self.logged: list[tuple[int, str, float]] = []
        self.summaries = 0

    def log_metric(self, name, value):
        """Keep a figure."""
        self.logged.append((self.step, name, value))

    def make_summary(self):
        """Count the summaries."""
        self.summaries += 1


def _at(step: int) -> SimpleNamespace:
    return SimpleNamespace(global_step=step, max_steps=10)


def test_history_joins_one_step_to_one_row():
    """Training and validation figures of a step stand in one row, under one name each."""
    history = callbacks.History(Shown())
    history.on_log(None, _at(4), None, logs={"loss": 9.0, "nll": 2.0, "learning_rate": 0.1})
    history.on_log(
        None, _at(4), None, logs={"eval_nll": 3.0, "eval_router/domain": 0.5, "eval_entropy": 1.0}
    )
    assert history.rows == {
        4: {
            "step": 4,
            "loss": 2.0,
            "learning_rate": 0.1,
            "validation_nll": 3.0,
            "validation_router/domain": 0.5,
        }
    }


def test_history_keeps_no_wall_time():
    """The closing log of a run holds only times, and leaves no row."""
    shown = Shown()
    history = callbacks.History(shown)
    history.on_log(None, _at(4), None, logs={"train_runtime": 1.5, "train_steps_per_second": 3.0})
    assert (history.rows, shown.logged) == ({}, [])


def test_history_is_shown_as_it_comes():
    """Dvclive gets each figure at its step, and a fresh summary."""
    shown = Shown()
    callbacks.History(shown).on_log(None, _at(4), None, logs={"nll": 2.0})
    assert (shown.logged, shown.summaries) == ([(4, "loss", 2.0)], 1)


@pytest.mark.parametrize(
    ("steps", "evaluations", "places"),
    [(10, 2, [5, 10]), (10, 3, [3, 7, 10]), (4, 4, [1, 2, 3, 4]), (7, 1, [7])],
)
def test_validations_are_spread_evenly(steps, evaluations, places, tmp_path):
    """As many validations as asked for, the last after the last step."""
    checkpoints = callbacks.Checkpoints(steps, evaluations, tmp_path)
    found = []
    for step in range(1, steps + 1):
        control = SimpleNamespace(should_evaluate=False)
        checkpoints.on_step_end(None, _at(step), control)
        found += [step] if control.should_evaluate else []
    assert found == places


def test_best_is_the_lowest_and_last_the_latest(tmp_path, monkeypatch):
    """A worse validation replaces the last checkpoint and leaves the best."""
    written = []
    monkeypatch.setattr(
        callbacks.adapter, "save", lambda model, folder: written.append((model, folder.name))
    )
    checkpoints = callbacks.Checkpoints(3, 3, tmp_path)
    for step, nll in ((0, 1.0), (1, 3.0), (2, 2.0), (3, 2.5)):
        checkpoints.on_evaluate(None, _at(step), None, metrics={"eval_nll": nll}, model=step)
    assert written == [(1, "last"), (1, "best"), (2, "last"), (2, "best"), (3, "last")]
    assert (checkpoints.best_step, checkpoints.best_nll) == (2, 2.0)


def test_watch_counts_the_steps_alone(monkeypatch):
    """Time between steps, as validation takes it, is not counted."""
    clock = iter([1.0, 3.0, 50.0, 51.0])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    watch = callbacks.Stopwatch()
    for _ in range(2):
        watch.on_step_begin(None, None, None)
        watch.on_step_end(None, None, None)
    assert watch.seconds == 3.0
