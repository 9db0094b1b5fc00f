"""Rules on a training and its stages: what crosses a limit, as pure functions of the figures.

The figures are those that a trainer logs (`nll`, `eval_nll`, `router/load/NAME`, `steps_left_out`), one
mapping for each time it logged. The newest is judged against those before it, so that a training which
goes on after a kill is judged as one.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from statistics import fmean, median
from typing import NamedTuple

from caretune.monitoring.delivery import Alert

RULES = (
    "diverging_validation",
    "full_memory",
    "loss_spike",
    "router_collapse",
    "skipped_steps",
    "slow_training",
    "stage_failed",
    "unsafe_replies",
)
"""Every rule; docs/runbooks has a page for each."""
LOSS, VALIDATION, LOAD, SKIPPED = "nll", "eval_nll", "router/load/", "steps_left_out"
_RECENT = 20
"""Logged figures that make a median or a mean; a single batch of few domains is no collapse."""
_FEWEST = 5
"""With fewer of them there is nothing to compare with."""
_FEWEST_STEPS = 20


class Limits(NamedTuple):
    """The most that is no alert, as params.yaml gives it (`caretune.params.train.Alerts`)."""

    loss_spike_ratio: float
    validation_rise: float
    min_expert_load: float
    """The least that is no alert."""
    max_expert_load: float
    max_slowdown_ratio: float
    max_memory_rate: float
    max_skipped_steps: int
    max_unsafe_reply_rate: float


class Finding(NamedTuple):
    """A limit that was crossed."""

    rule: str
    value: float
    threshold: float
    unit: str
    detail: str = ""
    """Which part of the subject, such as an expert."""

    def alert(self, subject: str, step: int | None, time: datetime) -> Alert:
        """Return the alert of this finding.

        Args:
            subject: What it is about: an adapter, a stage.
            step: Optimiser step, where there is one.
            time: Now, with its zone.
        """
        return Alert(
            rule=self.rule,
            subject=subject,
            value=self.value if math.isfinite(self.value) else None,
            threshold=self.threshold,
            unit=self.unit,
            step=step,
            time=time,
            runbook=f"docs/runbooks/{self.rule}.md",
            detail=self.detail,
        )


def of_figures(
    logged: Sequence[Mapping[str, float]], limits: Limits, untaught: Collection[str] = ()
) -> list[Finding]:
    """Judge the newest of a trainer's logged figures.

    Args:
        logged: All so far, the newest last; at least one.
        limits: The most that is no alert.
        untaught: Experts whose domain has no row; that few tokens choose one is no collapse.
    """
    return [
        *_loss(logged, limits),
        *_validation(logged, limits),
        *_router(logged, limits, untaught),
    ]


def of_steps(seconds: Sequence[float], limits: Limits) -> list[Finding]:
    """Judge how long the last steps took, beside all of the run; one slow step is none.

    Args:
        seconds: Of each step, the newest last.
        limits: The most that is no alert.
    """
    if len(seconds) < _FEWEST_STEPS:
        return []
    ratio = median(seconds[-_FEWEST:]) / median(seconds)
    return _over("slow_training", ratio, limits.max_slowdown_ratio, "times the usual step")


def of_memory(rate: float, limits: Limits) -> list[Finding]:
    """Judge the share of the memory that is in use, 0..1."""
    return _over("full_memory", rate, limits.max_memory_rate, "of all memory")


def of_replies(rate: float | None, limits: Limits) -> list[Finding]:
    """Judge the sample replies that a model gave in evaluation.

    Args:
        rate: Share of them that the filters blocked or replaced, 0..1; None: none was judged.
        limits: The most that is no alert.
    """
    if rate is None:
        return []
    return _over("unsafe_replies", rate, limits.max_unsafe_reply_rate, "of the sample replies")


def of_exit(code: int) -> list[Finding]:
    """Judge how a stage ended: 0 is well, any other exit code is a finding."""
    return [] if code == 0 else [Finding("stage_failed", code, 0, "exit code")]


def _loss(logged: Sequence[Mapping[str, float]], limits: Limits) -> Iterator[Finding]:
    newest = logged[-1]
    losses = _all(logged, LOSS)
    lost = sum(not math.isfinite(loss) for loss in losses)
    skipped = max(newest.get(SKIPPED, 0), lost)
    if LOSS in newest or SKIPPED in newest:
        yield from _over("skipped_steps", skipped, limits.max_skipped_steps, "steps without number")
    before = [loss for loss in losses[:-1] if math.isfinite(loss)][-_RECENT:]
    if LOSS in newest and math.isfinite(newest[LOSS]) and len(before) >= _FEWEST:
        usual = median(before)
        ratio = newest[LOSS] / usual if usual > 0 else 0.0
        yield from _over("loss_spike", ratio, limits.loss_spike_ratio, "times the usual loss")


def _validation(logged: Sequence[Mapping[str, float]], limits: Limits) -> Iterator[Finding]:
    if VALIDATION not in logged[-1]:
        return
    *before, newest = _all(logged, VALIDATION)
    best = min((nll for nll in before if math.isfinite(nll)), default=math.inf)
    rise = newest - best if math.isfinite(newest) else math.inf
    if math.isfinite(best):
        unit = "nats a token above the best"
        yield from _over("diverging_validation", rise, limits.validation_rise, unit)


def _router(
    logged: Sequence[Mapping[str, float]], limits: Limits, untaught: Collection[str]
) -> Iterator[Finding]:
    """Judge the expert that is farthest out, over the last figures together."""
    names = sorted(name for name in logged[-1] if name.startswith(LOAD))
    recent = [row for row in logged if LOSS in row][-_RECENT:]
    if not names or len(recent) < _FEWEST:
        return
    loads = {name: fmean(row[name] for row in recent if name in row) for name in names}
    most = max(names, key=loads.__getitem__)
    taught = [name for name in names if name.removeprefix(LOAD) not in untaught]
    least = min(taught or names, key=loads.__getitem__)
    if loads[most] > limits.max_expert_load:
        name, limit = most, limits.max_expert_load
    elif loads[least] < limits.min_expert_load:
        name, limit = least, limits.min_expert_load
    else:
        return
    detail = f"expert {name.removeprefix(LOAD)}"
    yield Finding("router_collapse", loads[name], limit, "of the gates", detail)


def _all(logged: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [row[name] for row in logged if name in row]


def _over(rule: str, value: float, threshold: float, unit: str) -> list[Finding]:
    return [Finding(rule, value, threshold, unit)] if value > threshold else []
