"""A training stops before the step that would end beyond its window or budget."""

from types import SimpleNamespace

import pytest

from caretune.training import budget
from caretune.training.budget import Budget, Limits


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests move."""
    now = SimpleNamespace(now=100.0)
    monkeypatch.setattr(budget.time, "monotonic", lambda: now.now)
    return now


def _run(limits, clock, *, step_s=1.0, pause_s=0.0, steps=100, before=0.0):
    """Take steps of equal length until the budget says stop; return the budget and the step."""
    watched = Budget(limits)
    watched.seconds_before = before
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    for step in range(1, steps + 1):
        watched.on_step_begin(None, None, control)
        clock.now += step_s
        watched.on_step_end(None, SimpleNamespace(global_step=step, max_steps=steps), control)
        if control.should_training_stop:
            assert control.should_save
            return watched, step
        clock.now += pause_s
    return watched, steps


def test_without_limits_it_never_stops(clock):
    """All steps are taken, and the time is told."""
    watched, step = _run(Limits(), clock)
    assert (watched.reason, step, watched.seconds) == (None, 100, 100.0)


def test_window_counts_from_the_first_step(clock):
    """Ten seconds hold ten steps of a second each, whatever the clock said before."""
    clock.now = 5000.0
    watched, step = _run(Limits(window_s=10.0), clock)
    assert step == 10
    assert "window_hours" in watched.reason


def test_a_step_that_would_end_too_late_is_not_begun(clock):
    """The longest step and the longest pause so far stand for the next."""
    _, step = _run(Limits(window_s=10.0), clock, step_s=3.0)
    assert step == 3
    _, step = _run(Limits(window_s=10.0), clock, step_s=1.0, pause_s=2.0)
    assert step == 4


def test_a_pause_that_is_known_counts_from_the_first_step(clock):
    """The validation before the first step, and pauses of an earlier run, stand for the next."""
    watched = Budget(Limits(window_s=10.0))
    watched.longest_pause = 7.0
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    for step in (1, 2, 3):
        watched.on_step_begin(None, None, control)
        clock.now += 1.0
        watched.on_step_end(None, SimpleNamespace(global_step=step, max_steps=9), control)
        assert control.should_training_stop is (step == 3)


def test_budget_counts_all_runs(clock):
    """An hour costs 36 dollars: ten cents are ten seconds, of which four were spent before."""
    limits = Limits(max_cost_usd=0.1000001, usd_per_hour=36.0)
    watched, step = _run(limits, clock, before=4.0)
    assert (step, watched.seconds) == (6, 10.0)
    assert "max_cost_usd" in watched.reason
    assert watched.state() == {
        "attributes": {"seconds_before": 10.0, "longest_step": 1.0, "longest_pause": 0.0}
    }


def test_window_counts_this_run_alone(clock):
    """A night's window is whole again the next night."""
    _, step = _run(Limits(window_s=10.0), clock, before=1000.0)
    assert step == 10


def test_a_training_that_ended_in_time_is_not_stopped(clock):
    """After the last step there is nothing to stop."""
    watched, step = _run(Limits(window_s=5.0), clock, steps=5)
    assert (watched.reason, step) == (None, 5)
