"""A study: every trial of a sweep in one SQLite file, opened by one process at a time."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec
import optuna
from optuna.trial import FrozenTrial, TrialState

from caretune.errors import CaretuneError, LineageError
from caretune.lineage import resume
from caretune.training.sweep.space import Value

Direction = Literal["minimize", "maximize"]

_FILE, _LOCK, _SETTINGS = "study.db", "lock", "settings"
_SHOWN = 5
_STATES = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed"}

# What a trial carries beside its values and its score.
DEFAULT, RETRY_OF, INTERRUPTED = "default", "retry_of", "interrupted"
EXPERIMENT, REASON = "experiment", "reason"
SECONDS, TRAINING_SECONDS, COST_USD = "seconds", "training_seconds", "cost_usd"


class Trial(msgspec.Struct, frozen=True):
    """One trial, as it is shown."""

    number: int
    state: Literal["complete", "failed", "running"]
    params: dict[str, Value]
    score: float | None
    """None where the trial has not ended or failed."""
    seconds: float | None
    """Wall time of the trial, which is what it costs."""
    training_seconds: float | None
    """Wall time of its training alone, when it was really run: DVC may have it from its cache."""
    cost_usd: float | None
    experiment: str
    """Name of its DVC experiment."""
    reason: str
    """Why it failed; empty where it did not."""
    is_default: bool
    """Whether it has the values of params.yaml."""
    retry_of: int | None
    """Number of the trial that was killed and is tried again here."""
    interrupted: bool
    """Whether it was killed, so that its failure says nothing about its values."""


@contextmanager
def opened(
    folder: Path, name: str, direction: Direction, settings: Mapping[str, Any]
) -> Iterator[optuna.Study]:
    """Open the study of a folder alone, or begin it.

    Args:
        folder: Where its file lies.
        name: What it is called.
        direction: `minimize` or `maximize`.
        settings: All that makes two trials comparable, by dotted name, as JSON values.

    Raises:
        LineageError: Another process works on it, or it was begun with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise LineageError(
                f"sweep {name}: process {lock.read().strip() or 'unknown'} works on it already. "
                "Wait for it, or end it and run again."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        study = _load(folder, name, direction)
        kept = study.user_attrs.get(_SETTINGS)
        if kept is None:
            study.set_user_attr(_SETTINGS, dict(settings))
        else:
            check(name, kept, settings)
        yield study


def read(folder: Path, name: str) -> optuna.Study:
    """Return a study to be looked at, also while a sweep works on it.

    Raises:
        CaretuneError: There is none of that name.
    """
    if not (folder / _FILE).is_file():
        raise CaretuneError(
            f"sweep {name}: no study in {folder}. Begin it with `caretune sweep tpe {name}`."
        )
    return _load(folder, name, None)


def settings(study: optuna.Study) -> dict[str, Any]:
    """Return what the study was begun with, by dotted name."""
    found: dict[str, Any] = study.user_attrs.get(_SETTINGS, {})
    return found


def check(name: str, kept: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that the trials to come compare with those that ran.

    Raises:
        LineageError: Names what differs.
    """
    names = resume.differing(kept, now)
    if names:
        listed = ", ".join(
            f"{one} (was {_told(kept, one)}, is {_told(now, one)})" for one in names[:_SHOWN]
        )
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise LineageError(
            f"sweep {name}: its trials would not compare with the earlier ones, which had another "
            f"{listed}{more}. Set that back, or give the sweep a new name."
        )


def trials(study: optuna.Study) -> list[Trial]:
    """Return every trial that was begun, by number."""
    begun = [one for one in study.get_trials() if one.state != TrialState.WAITING]
    return [_trial(one) for one in begun]


def best(found: list[Trial], direction: str) -> Trial | None:
    """Return the complete trial with the best score, the first of equals; None where none is."""
    sign = 1 if direction == "minimize" else -1
    scored = [(sign * one.score, one.number, one) for one in found if one.score is not None]
    return min(scored)[2] if scored else None


def _load(folder: Path, name: str, direction: Direction | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{(folder / _FILE).resolve()}")
    if direction is None:
        return optuna.load_study(study_name=name, storage=storage)
    return optuna.create_study(
        study_name=name, storage=storage, direction=direction, load_if_exists=True
    )


def _trial(found: FrozenTrial) -> Trial:
    told = found.user_attrs
    return Trial(
        number=found.number,
        state=_STATES.get(found.state, "running"),  # type: ignore[arg-type]
        params=dict(sorted(found.params.items())),
        score=found.value if found.state == TrialState.COMPLETE else None,
        seconds=told.get(SECONDS),
        training_seconds=told.get(TRAINING_SECONDS),
        cost_usd=told.get(COST_USD),
        experiment=told.get(EXPERIMENT, ""),
        reason=told.get(REASON, ""),
        is_default=told.get(DEFAULT, False),
        retry_of=told.get(RETRY_OF),
        interrupted=told.get(INTERRUPTED, False),
    )


def _told(values: Mapping[str, Any], name: str) -> str:
    said = str(values.get(name, "absent"))
    return said if len(said) <= 40 else f"{said[:37]}..."  # noqa: PLR2004 - a digest is cut
