"""A training stops before the step that would end beyond its window or budget."""

import json
from types import SimpleNamespace

import pytest

from caretune.errors import StoppedError
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


def test_a_spent_budget_asks_for_more_money_and_a_window_does_not(clock):
    """Run again as it is, a spent budget would only pay for another step."""
    window, _ = _run(Limits(window_s=10.0), clock)
    assert window.reason.endswith("nothing is lost. Run `dvc repro` again to go on.")
    spent, _ = _run(Limits(max_cost_usd=0.1, usd_per_hour=36.0), clock)
    assert spent.reason.endswith(
        "nothing is lost. Raise params.train.max_cost_usd, then run `dvc repro` to go on."
    )
    both, _ = _run(Limits(window_s=10.0, max_cost_usd=0.1, usd_per_hour=36.0), clock)
    assert both.reason == spent.reason


HOURLY = {"max_cost_usd": 10.0, "usd_per_hour": 1.0}


def _keep(folder, step, hours, ahead_hours=0.5):
    """Write what a checkpoint says of the time so far, and of what a step and a pause may take."""
    times = {"seconds_before": hours * 3600, "longest_step": ahead_hours * 3600}
    file = folder / f"checkpoint-{step}/progress.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"callbacks": {"Budget": times | {"longest_pause": 0.0}}}))
    return file


@pytest.mark.parametrize(
    ("hours", "refused"),
    [
        pytest.param(11.0, True, id="overspent"),
        pytest.param(10.0, True, id="spent"),
        pytest.param(9.6, True, id="less is left than a step costs"),
        pytest.param(9.4, False, id="a step is left"),
    ],
)
def test_a_run_that_cannot_pay_a_step_is_not_begun(tmp_path, hours, refused):
    """The newest checkpoint tells what was spent; an hour costs a dollar, a step half of one."""
    _keep(tmp_path, 9, 1.0)
    _keep(tmp_path, 10, hours)
    if not refused:
        budget.check(Limits(**HOURLY), tmp_path, 100)
        return
    with pytest.raises(StoppedError) as stopped:
        budget.check(Limits(**HOURLY), tmp_path, 100)
    assert stopped.value.exit_code == 75
    assert str(stopped.value) == (
        f"not begun: {hours:g} of 10 US dollars (params.train.max_cost_usd) are spent, and the next "
        "step would go beyond; nothing is lost. Raise params.train.max_cost_usd, then run "
        "`dvc repro` to go on."
    )


def test_a_training_that_needs_no_step_or_has_no_budget_is_begun(tmp_path):
    """After its last step a training only publishes; nothing spent and no limit stop nothing."""
    budget.check(Limits(**HOURLY), tmp_path, 100)
    _keep(tmp_path, 100, 11.0)
    budget.check(Limits(**HOURLY), tmp_path, 100)
    budget.check(Limits(usd_per_hour=1.0), tmp_path, 200)


def test_a_checkpoint_in_pieces_tells_nothing(tmp_path):
    """The one before it is read."""
    _keep(tmp_path, 9, 11.0)
    _keep(tmp_path, 10, 1.0).write_text('{"callbacks":')
    with pytest.raises(StoppedError):
        budget.check(Limits(**HOURLY), tmp_path, 100)
