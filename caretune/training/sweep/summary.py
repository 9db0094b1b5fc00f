"""What a sweep came to, for its report: trials, importance, and which cost no more for better."""

from collections.abc import Mapping
from typing import Any

import msgspec
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from caretune.training.sweep import study as studies
from caretune.training.sweep.study import Trial

_FEW = 2
"""Complete trials below which no importance is computed."""
FIRM = 30
"""Complete trials from which an importance is more than a hint; below, the report says so."""


class Summary(msgspec.Struct, frozen=True):
    """A sweep, as its report reads it."""

    name: str
    direction: str
    settings: dict[str, Any]
    """What it was begun with: sampler, seed, metric and space, by dotted name."""
    trials: list[Trial]
    best: int | None
    """Number of the best trial."""
    default: int | None
    """Number of the complete trial with the values of params.yaml."""
    front: list[int]
    """Numbers of the trials that no other beats in score and training time at once, by time."""
    importance: dict[str, float] | None
    """Share of the scores' variance that each value explains (fANOVA, Hutter et al. 2014), 1.0 in
    all; None where too few trials are complete."""
    is_firm: bool
    """Whether there are enough complete trials to rely on it."""
    spent_usd: float
    test_reads: dict[str, int]
    """sha256 of a test split -> how often models were judged on it in this checkout."""


def summarise(study: optuna.Study, name: str, test_reads: Mapping[str, int]) -> Summary:
    """Return what a sweep came to so far."""
    direction = study.direction.name.lower()
    trials = studies.trials(study)
    best = studies.best(trials, direction)
    defaults = [one.number for one in trials if is_default(one, trials) and one.score is not None]
    kept = {
        name: value
        for name, value in studies.settings(study).items()
        if not name.startswith(("files.", "params."))
    }
    return Summary(
        name=name,
        direction=direction,
        settings=kept,
        trials=trials,
        best=best.number if best else None,
        default=defaults[0] if defaults else None,
        front=[one.number for one in front(trials, direction)],
        importance=importance(study),
        is_firm=sum(one.score is not None for one in trials) >= FIRM,
        spent_usd=sum(one.cost_usd or 0.0 for one in trials),
        test_reads=dict(sorted(test_reads.items())),
    )


def is_default(trial: Trial, trials: list[Trial]) -> bool:
    """Tell whether a trial, or the one that it retries, has the values of params.yaml."""
    return trial.is_default or any(
        other.is_default and other.number == trial.retry_of for other in trials
    )


def front(trials: list[Trial], direction: str) -> list[Trial]:
    """Return the trials that no other beats in score and training time at once, by time."""
    sign = 1 if direction == "minimize" else -1
    timed = [
        (one.training_seconds, sign * one.score, one.number, one)
        for one in trials
        if one.score is not None and one.training_seconds is not None
    ]
    found: list[Trial] = []
    lowest = float("inf")
    for _, score, _, one in sorted(timed, key=lambda point: point[:3]):
        if score < lowest:
            lowest = score
            found.append(one)
    return found


def importance(study: optuna.Study) -> dict[str, float] | None:
    """Return the share of the scores' variance that each value explains, the largest first.

    None where too few trials are complete, all scores are equal, or nothing was varied.
    """
    complete = study.get_trials(states=(TrialState.COMPLETE,))
    names = sorted({name for one in complete for name in one.params})
    varied = [name for name in names if len({str(one.params[name]) for one in complete}) > 1]
    if len(complete) < _FEW or not varied or len({one.value for one in complete}) == 1:
        return None
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0), params=varied)
    shares = {name: float(share) for name, share in found.items()}
    return dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0])))
