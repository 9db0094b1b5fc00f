"""Figures and validations follow the steps."""

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
    return SimpleNamespace(global_step=step, max_steps=10, is_world_process_zero=True)


def test_history_joins_one_step_to_one_row():
    """Training and validation figures of a step stand in one row, under one name each."""
    history = callbacks.History(Shown())
    history.on_log(None, _at(4), None, logs={"loss": 9.0, "nll": 2.0, "learning_rate": 0.1})
    history.on_log(
        None, _at(4), None, logs={"eval_nll": 3.0, "eval_router/domain": 0.5, "eval_entropy": 1.0}
    )
    assert history.rows == [
        {
            "step": 4,
            "loss": 2.0,
            "learning_rate": 0.1,
            "validation_nll": 3.0,
            "validation_router/domain": 0.5,
        }
    ]


def test_history_keeps_no_wall_time():
    """The closing log of a run holds only times, and leaves no row."""
    shown = Shown()
    history = callbacks.History(shown)
    history.on_log(None, _at(4), None, logs={"train_runtime": 1.5, "train_steps_per_second": 3.0})
    assert (history.rows, shown.logged) == ([], [])


def test_history_is_shown_as_it_comes():
    """Dvclive gets each figure at its step, and a fresh summary."""
    shown = Shown()
    callbacks.History(shown).on_log(None, _at(4), None, logs={"nll": 2.0})
    assert (shown.logged, shown.summaries) == ([(4, "loss", 2.0)], 1)


def test_history_shows_a_figure_once():
    """What two logs of one step both hold is no second line of dvclive's."""
    shown = Shown()
    history = callbacks.History(shown)
    for logs in ({"nll": 2.0, "steps_left_out": 0}, {"eval_nll": 3.0, "steps_left_out": 0}):
        history.on_log(None, _at(4), None, logs=logs)
    assert [name for _, name, _ in shown.logged] == ["loss", "steps_left_out", "validation_nll"]


def test_history_leaves_out_what_is_no_number():
    """A loss that is NaN or infinite is no point of a curve; the count of such steps is."""
    history = callbacks.History(Shown())
    logs = {"nll": float("nan"), "grad_norm": float("inf"), "steps_left_out": 1}
    history.on_log(None, _at(4), None, logs=logs)
    assert history.rows == [{"step": 4, "steps_left_out": 1}]


def test_a_resumed_history_is_shown_from_its_beginning():
    """A new dvclive gets the rows of the runs before, and a run that begins anew shows nothing."""
    shown = Shown()
    history = callbacks.History(shown)
    history.rows = [{"step": 0, "validation_nll": 4.0}, {"step": 2, "loss": 3.0}]
    history.on_train_begin(None, _at(0), None)
    assert shown.logged == []
    history.on_train_begin(None, _at(2), None)
    assert shown.logged == [(0, "validation_nll", 4.0), (2, "loss", 3.0)]


@pytest.mark.parametrize(
    ("steps", "evaluations", "places"),
    [(10, 2, [5, 10]), (10, 3, [3, 7, 10]), (4, 4, [1, 2, 3, 4]), (7, 1, [7])],
)
def test_validations_are_spread_evenly(steps, evaluations, places, tmp_path):
    """As many validations as asked for, the last after the last step."""
    validations = callbacks.Validations(steps, evaluations, tmp_path)
    found = []
    for step in range(1, steps + 1):
        control = SimpleNamespace(should_evaluate=False)
        validations.on_step_end(None, _at(step), control)
        found += [step] if control.should_evaluate else []
    assert found == places


@pytest.fixture
def saved(monkeypatch):
    """Collect what would be written."""
    written = []
    monkeypatch.setattr(
        callbacks.adapter, "save", lambda model, folder: written.append((model, folder.name))
    )
    return written


def _validate(validations, scores):
    """Validate at steps 0, 1, 2 ... and return the step at which the training was stopped."""
    for step, score in enumerate(scores):
        control = SimpleNamespace(should_training_stop=False)
        metrics = {"eval_score": score, "eval_nll": score + 1}
        validations.on_evaluate(None, _at(step), control, metrics=metrics, model=step)
        if control.should_training_stop:
            return step
    return None


def test_best_is_the_lowest_score(tmp_path, saved):
    """A worse validation leaves the best; the base's own, at step 0, is none of them."""
    validations = callbacks.Validations(3, 3, tmp_path)
    assert _validate(validations, [1.0, 3.0, 2.0, 2.5]) is None
    assert saved == [(1, "best"), (2, "best")]
    found = (validations.best_step, validations.best_score, validations.best_nll)
    assert found == (2, 2.0, 3.0)


@pytest.mark.parametrize(
    ("patience", "min_gain", "stopped"),
    [
        pytest.param(None, 0.0, None, id="never"),
        pytest.param(1, 0.0, 3, id="at the first worse one"),
        pytest.param(2, 0.0, 4, id="at the second"),
        pytest.param(1, 0.5, 2, id="a small gain is none"),
    ],
)
def test_patience_ends_a_training(patience, min_gain, stopped, tmp_path, saved):
    """It counts validations that were not better by enough, one after the other."""
    validations = callbacks.Validations(5, 5, tmp_path, patience, min_gain)
    assert _validate(validations, [9.0, 3.0, 2.6, 2.7, 2.8, 1.0]) == stopped


def test_patience_is_remembered(tmp_path, saved):
    """What a resumed training gets back holds the best and the count."""
    validations = callbacks.Validations(5, 5, tmp_path, 3)
    assert validations.state() == {"attributes": {"best_step": 0, "worse": 0}}
    _validate(validations, [9.0, 3.0, 3.5])
    assert validations.state()["attributes"] == {
        "best_step": 1,
        "best_score": 3.0,
        "best_nll": 4.0,
        "worse": 1,
        "to_beat": 3.0,
    }


def test_watch_counts_the_steps_alone(monkeypatch):
    """Time between steps, as validation takes it, is not counted."""
    clock = iter([1.0, 3.0, 50.0, 51.0])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    watch = callbacks.Stopwatch()
    for _ in range(2):
        watch.on_step_begin(None, None, None)
        watch.on_step_end(None, None, None)
    assert watch.seconds == 3.0
