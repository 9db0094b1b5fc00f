"""The sweep itself: one trial after the other, until there are enough or a limit is near.

What the next trial tries is a pure function of the seed, of how many points were drawn before and of
the scores so far: a sweep that was killed goes on as the uncut one would have.
"""

import hashlib
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from caretune.training.sweep import space as spaces
from caretune.training.sweep import study as studies
from caretune.training.sweep.space import Space, Value
from caretune.training.sweep.study import Trial

_KILLED = "the sweep was killed while it ran"


@dataclass(frozen=True)
class Plan:
    """What a sweep does and may take."""

    name: str
    sampler: Literal["grid", "random", "tpe"]
    space: Space
    default: Mapping[str, Value]
    """The present value of every name in the space: the first trial."""
    trials: int
    """The default's and all others; retries are not counted."""
    startup_trials: int
    """Of TPE: trials at random before the first that learns."""
    seed: int
    usd_per_hour: float | None
    """Price of the machine; None = not known, which a limit of cost does not allow."""
    max_cost_usd: float | None
    """For all trials; None = no limit."""
    window_s: float | None
    """For this run of the sweep, in seconds; None = no limit."""


class Outcome(NamedTuple):
    """What a trial came to."""

    score: float | None
    """None where it failed."""
    seconds: float
    """Wall time of the trial."""
    training_seconds: float | None = None
    """Wall time of the training alone, as its stage measured it."""
    reason: str = ""
    """Why it failed."""
    cut: bool = False
    """Whether it was stopped by the sweep's own limit, so that its values are not to blame."""


class _Choice(NamedTuple):
    """The next trial."""

    drawn: int
    """Points that were drawn before it, retries left out."""
    params: Mapping[str, Value] | None = None
    """None: Optuna draws them, or a trial that waits has them."""
    attributes: Mapping[str, Any] = {}


class Runner(Protocol):
    """What runs trials."""

    def run(self, experiment: str, params: Mapping[str, Value], timeout_s: float | None) -> Outcome:
        """Run one trial; stop it after `timeout_s` seconds."""

    def recover(self, experiment: str, begun: float) -> Outcome:
        """Return what a killed trial left: its score where it had ended, else why it has none.

        Args:
            experiment: Its name.
            begun: When it began, in seconds of Unix time.
        """


def sweep(
    study: optuna.Study,
    plan: Plan,
    runner: Runner,
    clock: Callable[[], float],
    told: Callable[[Trial], None],
) -> str:
    """Run trials until there are enough or a limit is near; return why it stopped, in words.

    A failed trial is kept with its reason and the sweep goes on. One that was killed is tried once
    more, under a number of its own.

    Args:
        study: Opened (see `study.opened`).
        plan: What to do.
        runner: What runs a trial.
        clock: Seconds, from any start.
        told: Called with every trial that ended.
    """
    begun = clock()
    for ended in _recovered(study, plan, runner):
        told(ended)
    while (choice := _chosen(study.get_trials(deepcopy=False), plan)) is not None:
        left_s, reason = _left(plan, studies.trials(study), clock() - begun)
        if reason:
            return reason
        trial = _begin(study, plan, choice)
        experiment = f"{plan.name}-{trial.number:03d}"
        trial.set_user_attr(studies.EXPERIMENT, experiment)
        outcome = runner.run(experiment, trial.params, left_s)
        _keep(study, trial.number, plan, outcome)
        told(studies.trials(study)[trial.number])
    return _ended(studies.trials(study), plan)


def _recovered(study: optuna.Study, plan: Plan, runner: Runner) -> Iterator[Trial]:
    """End the trials that a killed sweep left running."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        experiment = trial.user_attrs.get(studies.EXPERIMENT)
        begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
        outcome = runner.recover(experiment, begun) if experiment else Outcome(None, 0.0)
        if outcome.score is None:
            outcome = outcome._replace(reason=outcome.reason or _KILLED, cut=True)
        _keep(study, trial.number, plan, outcome)
        yield studies.trials(study)[trial.number]


def _keep(study: optuna.Study, number: int, plan: Plan, outcome: Outcome) -> None:
    """Write down what a trial came to; its state comes last, so that a kill between loses nothing."""
    facts = {
        studies.SECONDS: outcome.seconds,
        studies.TRAINING_SECONDS: outcome.training_seconds,
        studies.COST_USD: None
        if plan.usd_per_hour is None
        else outcome.seconds / 3600 * plan.usd_per_hour,
        studies.REASON: outcome.reason,
        studies.INTERRUPTED: outcome.cut,
    }
    trial_id = study.get_trials(deepcopy=False)[number]._trial_id  # noqa: SLF001 - the one way
    for name, value in facts.items():
        study._storage.set_trial_user_attr(trial_id, name, value)  # noqa: SLF001 - as above
    if outcome.score is None:
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, outcome.score)


def _chosen(known: list[FrozenTrial], plan: Plan) -> _Choice | None:
    """Choose the next trial: a waiting one, a retry, the default, a point of the grid or a draw."""
    drawn = sum(studies.RETRY_OF not in trial.user_attrs for trial in known)
    if any(trial.state == TrialState.WAITING for trial in known):
        return _Choice(drawn)
    if (due := _due(known)) is not None:
        earlier = known[: due.number]
        drawn = sum(studies.RETRY_OF not in trial.user_attrs for trial in earlier)
        return _Choice(drawn, due.params, {studies.RETRY_OF: due.number})
    if drawn >= plan.trials:
        return None
    if drawn == 0:
        return _Choice(drawn, plan.default, {studies.DEFAULT: True})
    if plan.sampler == "grid":
        tried = [trial.params for trial in known]
        point = next((p for p in spaces.grid(plan.space, plan.seed) if p not in tried), None)
        return None if point is None else _Choice(drawn, point)
    return _Choice(drawn)


def _begin(study: optuna.Study, plan: Plan, choice: _Choice) -> optuna.Trial:
    if choice.params is not None:
        study.enqueue_trial(dict(choice.params), user_attrs=dict(choice.attributes))
    study.sampler = _sampler(plan, choice.drawn)
    return study.ask({name: spaces.distribution(plan.space[name]) for name in sorted(plan.space)})


def _due(known: list[FrozenTrial]) -> FrozenTrial | None:
    """Return the killed trial that is to be tried again; a retry that is killed is not."""
    retried = {trial.user_attrs.get(studies.RETRY_OF) for trial in known}
    return next(
        (
            trial
            for trial in known
            if trial.user_attrs.get(studies.INTERRUPTED)
            and studies.RETRY_OF not in trial.user_attrs
            and trial.number not in retried
        ),
        None,
    )


def _sampler(plan: Plan, drawn: int) -> BaseSampler:
    """Return a sampler seeded for this one draw: Optuna's own generator does not survive a kill."""
    told = hashlib.sha256(f"{plan.seed}/{drawn}".encode()).digest()
    seed = int.from_bytes(told[:4], "big")
    if plan.sampler == "tpe":
        return TPESampler(seed=seed, n_startup_trials=plan.startup_trials)
    return RandomSampler(seed=seed)


def _left(plan: Plan, trials: list[Trial], elapsed_s: float) -> tuple[float | None, str]:
    """Return the seconds that the next trial may take, and why there is to be none.

    The median of the complete trials stands for the next one.
    """
    known = [trial.seconds for trial in trials if trial.score is not None and trial.seconds]
    expected_s = statistics.median(known) if known else 0.0
    limits = []
    if plan.window_s is not None:
        left = plan.window_s - elapsed_s
        if left <= expected_s:
            return None, (
                f"the window of {plan.window_s / 3600:g} hours (params.sweep.window_hours) has "
                f"{max(left, 0):.0f} s left and a trial takes {expected_s:.0f} s; the same command "
                "goes on in a new window"
            )
        limits.append(left)
    if plan.max_cost_usd is not None and plan.usd_per_hour:
        spent = sum(trial.cost_usd or 0.0 for trial in trials)
        left = (plan.max_cost_usd - spent) / plan.usd_per_hour * 3600
        if left <= expected_s:
            return None, (
                f"{spent:.4f} of {plan.max_cost_usd:g} US dollars (params.sweep.max_cost_usd) are "
                f"spent and a trial takes {expected_s / 3600 * plan.usd_per_hour:.4f}"
            )
        limits.append(left)
    return min(limits, default=None), ""


def _ended(trials: list[Trial], plan: Plan) -> str:
    drawn = sum(trial.retry_of is None for trial in trials)
    if drawn < plan.trials:
        return f"every point of the grid was tried: {drawn} trials, the default's among them"
    return f"all {drawn} trials ran"
