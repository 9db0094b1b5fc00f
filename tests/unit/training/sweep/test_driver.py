"""The sweep with a function that stands for `dvc exp run`."""

import math

import optuna
import pytest

from caretune.training.sweep import driver, space, study
from caretune.training.sweep.driver import Outcome, Plan
from caretune.training.sweep.space import Range

SPACE = {"rate": Range(1e-3, 1e-1, log=True, points=3), "k": [1, 2]}
DEFAULT = {"rate": 1e-3, "k": 1}


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


class Fake:
    """Scores by distance from a rate of 0.02; takes ten seconds a trial."""

    def __init__(self, *, fails=(), kills=(), left=None, seconds=10.0):
        self.calls, self.fails, self.kills = [], set(fails), set(kills)
        self.left, self.seconds, self.now, self.timeouts = left, seconds, 0.0, []

    def run(self, experiment, params, timeout_s):
        """Run a trial."""
        self.calls.append((experiment, dict(params)))
        self.timeouts.append(timeout_s)
        if len(self.calls) in self.kills:
            raise Killed
        self.now += self.seconds
        if timeout_s is not None and timeout_s < self.seconds:
            return Outcome(None, timeout_s, reason="stopped at the limit", cut=True)
        if len(self.calls) in self.fails:
            return Outcome(None, self.seconds, reason="exit code 255: no luck")
        score = abs(math.log(params["rate"] / 0.02)) + params["k"]
        return Outcome(score, self.seconds, training_seconds=8.0)

    def recover(self, experiment, begun):
        """Return what is left of a killed trial."""
        return self.left or Outcome(None, 3.0, cut=True)


def plan(**changes):
    """Build a plan of six TPE trials."""
    given = {
        "name": "s",
        "sampler": "tpe",
        "space": SPACE,
        "default": DEFAULT,
        "trials": 6,
        "startup_trials": 2,
        "seed": 1,
        "usd_per_hour": 3.6,
        "max_cost_usd": None,
        "window_s": None,
    }
    return Plan(**given | changes)


@pytest.fixture
def kept():
    """A study in memory, kept over kills."""
    return new()


def new():
    """Make a study in memory: SQLite takes seconds a test (test_study.py has it)."""
    return optuna.create_study(study_name="s", direction="minimize")


def sweep(kept, runner, **changes):
    """Run a sweep; return why it stopped and its trials."""
    reason = driver.sweep(kept, plan(**changes), runner, lambda: runner.now, lambda trial: None)
    return reason, study.trials(kept)


def points(trials):
    """Return the values of trials."""
    return [trial.params for trial in trials]


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_the_first_trial_is_the_default(kept, sampler):
    """So that `beats its default` is measured in the same sweep."""
    _, trials = sweep(kept, Fake(), sampler=sampler, trials=3)
    assert trials[0].params == DEFAULT
    assert [trial.is_default for trial in trials] == [True, False, False]


def test_it_stops_when_all_trials_ran(kept):
    """The default's is one of them."""
    reason, trials = sweep(kept, Fake())
    assert reason == "all 6 trials ran"
    assert len(trials) == 6


def test_a_grid_tries_every_point_once(kept):
    """The default's point is not tried again."""
    reason, trials = sweep(kept, Fake(), sampler="grid", trials=99)
    assert reason == "every point of the grid was tried: 6 trials, the default's among them"
    assert len({tuple(point.items()) for point in points(trials)}) == 6


def test_tpe_finds_better_than_its_default(kept):
    """On a function with one optimum."""
    _, trials = sweep(kept, Fake(), trials=12)
    assert study.best(trials, "minimize").score < trials[0].score


def test_a_failed_trial_is_kept_and_the_sweep_goes_on(kept):
    """With its reason; it is not tried again."""
    _, trials = sweep(kept, Fake(fails={2}))
    assert [trial.state for trial in trials] == ["complete", "failed", *["complete"] * 4]
    assert trials[1].reason == "exit code 255: no luck"
    assert trials[1].retry_of is None


@pytest.mark.parametrize("sampler", ["grid", "random", "tpe"])
def test_a_killed_sweep_goes_on_as_the_uncut_one(kept, sampler):
    """Finished trials are not run again, the killed one is, and the points are the same."""
    _, uncut = sweep(new(), Fake(), sampler=sampler)
    with pytest.raises(Killed):
        sweep(kept, Fake(kills={4}), sampler=sampler)
    runner = Fake()
    _, cut = sweep(kept, runner, sampler=sampler)
    assert [name for name, _ in runner.calls] == ["s-004", "s-005", "s-006"]
    assert (cut[3].state, cut[3].interrupted, cut[4].retry_of) == ("failed", True, 3)
    assert cut[3].reason == "the sweep was killed while it ran"
    assert cut[3].seconds == 3.0
    assert points(uncut) == [trial.params for trial in cut if not trial.interrupted]


def test_a_trial_is_tried_again_once(kept):
    """What kills the sweep twice is left alone."""
    for _ in range(2):
        with pytest.raises(Killed):
            sweep(kept, Fake(kills={1}), trials=2)
    reason, trials = sweep(kept, Fake(), trials=2)
    assert reason == "all 2 trials ran"
    assert [(trial.state, trial.retry_of) for trial in trials] == [
        ("failed", None),
        ("failed", 0),
        ("complete", None),
    ]


def test_a_trial_that_had_ended_when_the_sweep_was_killed_is_taken(kept):
    """Its experiment is there: no second training."""
    with pytest.raises(Killed):
        sweep(kept, Fake(kills={1}), trials=1)
    runner = Fake(left=Outcome(1.5, 9.0))
    _, trials = sweep(kept, runner, trials=1)
    assert runner.calls == []
    assert [trial.score for trial in trials] == [1.5]


def test_a_kill_before_a_trial_was_named_is_no_loss(kept):
    """Between two writes into the study."""
    kept.enqueue_trial(DEFAULT, user_attrs={study.DEFAULT: True})
    kept.ask({name: space.distribution(domain) for name, domain in SPACE.items()})
    kept.enqueue_trial({"rate": 0.02, "k": 1})
    _, trials = sweep(kept, Fake(), trials=2)
    assert [trial.state for trial in trials] == ["failed", "complete", "complete"]
    assert (trials[1].params["rate"], trials[2].retry_of) == (0.02, 0)


def test_more_trials_may_be_asked_for_later(kept):
    """The budget is no part of what makes trials comparable."""
    _, all_at_once = sweep(new(), Fake(), trials=5)
    sweep(kept, Fake(), trials=2)
    _, later = sweep(kept, Fake(), trials=5)
    assert points(later) == points(all_at_once)


def test_it_stops_before_a_trial_that_would_not_fit_the_budget(kept):
    """A cent a trial: three fit 3.5 cents, the median trial being the measure."""
    reason, trials = sweep(kept, Fake(), max_cost_usd=0.035)
    assert len(trials) == 3
    assert reason == (
        "0.0300 of 0.035 US dollars (params.sweep.max_cost_usd) are spent and a trial takes 0.0100"
    )


def test_it_stops_before_a_trial_that_would_not_fit_the_window(kept):
    """A new call has a new window."""
    reason, trials = sweep(kept, Fake(), window_s=36.0)
    assert len(trials) == 3
    assert reason == (
        "the window of 0.01 hours (params.sweep.window_hours) has 6 s left and a trial takes 10 s; "
        "the same command goes on in a new window"
    )
    assert len(sweep(kept, Fake(), window_s=36.0)[1]) == 6


def test_a_trial_may_take_what_is_left(kept):
    """The smaller of both limits, in seconds."""
    runner = Fake()
    sweep(kept, runner, window_s=36.0, max_cost_usd=0.03, trials=2)
    assert runner.timeouts == pytest.approx([30.0, 20.0])


def test_a_trial_cut_by_the_window_is_tried_again(kept):
    """Its values are not to blame."""
    _, trials = sweep(kept, Fake(), window_s=5.0, trials=1)
    assert [(trial.state, trial.interrupted) for trial in trials] == [("failed", True)]
    _, trials = sweep(kept, Fake(), trials=1)
    assert [trial.retry_of for trial in trials] == [None, 0]


def test_every_trial_costs_its_wall_time(kept):
    """Ten seconds at 3.6 dollars an hour; failed ones too."""
    _, trials = sweep(kept, Fake(fails={2}), trials=2)
    assert [trial.cost_usd for trial in trials] == pytest.approx([0.01, 0.01])
