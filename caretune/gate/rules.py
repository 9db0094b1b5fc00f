"""Three-valued rules: an interval passes, fails, or does not tell yet.

A rule passes when the whole interval is on the good side of its threshold and there are items
enough; it fails when the whole is on the bad side, however few they are. An interval that holds the
threshold, even at its very end, is inconclusive.
"""

from collections.abc import Sequence
from math import ceil, floor
from statistics import NormalDist
from typing import Literal, NamedTuple

from caretune.errors import GateError
from caretune.evaluation.bootstrap import MIN_FAMILIES
from caretune.evaluation.result import Metrics, Result, pair
from caretune.gate.verdict import Outcome, RuleResult, binds

POWER = 0.8
"""Probability that `needed_n` items settle a rule whose true value is the one observed."""
RATE = "rate"
"""Unit of a share of items, 0..1."""


class Rule(NamedTuple):
    """A rule as params name it; `baseline` None judges the value itself, else the difference."""

    name: str
    metric: str
    at: Literal["most", "least"]
    threshold: float
    baseline: str | None
    min_n: int
    binds_from: str


def judge(rule: Rule, metrics: Metrics, candidate: str, level: str) -> RuleResult:
    """Judge one rule for a candidate at a level.

    Raises:
        GateError: The evaluation has no such metric, model or pair.
    """
    found = _find(rule, metrics, candidate)
    result = _outcome(rule, found)
    return RuleResult(
        name=rule.name,
        metric=rule.metric,
        version=found.version,
        unit=found.unit,
        at=rule.at,
        value=found.value,
        low=found.low,
        high=found.high,
        threshold=rule.threshold,
        baseline=rule.baseline,
        n=found.n,
        needed_n=needed(rule, found) if result == "inconclusive" else None,
        binds=binds(level, rule.binds_from),
        result=result,
    )


def count(
    name: str,
    metric: str,
    *,
    value: float | None,
    at: Literal["most", "least"],
    threshold: float,
    n: int,
    binds: bool,
    unit: str = "rows",
    missing: Outcome = "fail",
    strict: bool = False,
    detail: str | None = None,
) -> RuleResult:
    """Judge an exact count or fact, which has no interval: on the threshold it is good.

    Args:
        name: Name of the rule.
        metric: What was counted.
        value: What was found; None where there was nothing to look at, which is never good.
        at: Whether the threshold is the most or the least that is good.
        threshold: In `unit`.
        n: Items looked at.
        binds: Whether the level requires the rule.
        unit: Unit of value and threshold.
        missing: The answer where the threshold is not met.
        strict: True where the threshold itself is not good either.
        detail: What is wrong, given where it is.
    """
    good = value is not None and (value <= threshold if at == "most" else value >= threshold)
    good = good and not (strict and value == threshold)
    result: Outcome = "pass" if good else missing
    return RuleResult(
        name=name,
        metric=metric,
        version=1,
        unit=unit,
        at=at,
        value=value,
        low=None,
        high=None,
        threshold=threshold,
        baseline=None,
        n=n,
        needed_n=ceil(threshold) if result == "inconclusive" else None,
        binds=binds,
        result=result,
        detail=None if good else detail,
    )


def faultless(name: str, metric: str, faults: Sequence[str], n: int) -> RuleResult:
    """Judge a rule that binds at every level and allows no fault; the first fault is its detail."""
    detail = f"{len(faults)} in all, first: {faults[0]}" if faults else None
    return count(
        name, metric, value=len(faults), at="most", threshold=0, n=n, binds=True, detail=detail
    )


def needed(rule: Rule, found: Result) -> int | None:
    """Return how many items in all would probably settle the rule, or None where no number would.

    Families: ((z(1 - alpha/2) + z(power)) * deviation / (value - threshold))**2, the sample size
    of a one-sample test with known deviation (Chow, Shao and Wang 2008, Sample Size Calculations
    in Clinical Research, section 3.1), at the observed items a family. A share without a single
    hit has no deviation; there Wilson's interval of 0 of n reaches the threshold t at
    n = z**2 * (1 - t) / t.
    """
    if found.value is None or found.value == rule.threshold:
        return None
    z = NormalDist().inv_cdf(0.5 + found.confidence / 2)
    items = max(rule.min_n, MIN_FAMILIES)
    if found.deviation:
        distance = abs(found.value - rule.threshold)
        families = ((z + NormalDist().inv_cdf(POWER)) * found.deviation / distance) ** 2
        items = max(items, ceil(families * found.n / found.families))
    if found.unit == RATE:
        room = abs(rule.threshold) if rule.at == "most" else 1 - abs(rule.threshold)
        if room <= 0.0:
            return None
        items = max(items, floor(z * z * (1 - room) / room) + 1)
    return items if items > found.n else None


def _find(rule: Rule, metrics: Metrics, candidate: str) -> Result:
    name = candidate if rule.baseline is None else pair(candidate, rule.baseline)
    groups = metrics.models if rule.baseline is None else metrics.paired
    if name not in groups:
        raise GateError(
            f"params.gate.rules.{rule.name}: the evaluation has no `{name}`, only "
            f"{', '.join(sorted(groups))}. Mend params.gate.candidate or the rule's baseline."
        )
    if rule.metric not in groups[name]:
        raise GateError(
            f"params.gate.rules.{rule.name}.metric: the evaluation has no `{rule.metric}`, only "
            f"{', '.join(sorted(groups[name]))}. Correct the name."
        )
    return groups[name][rule.metric]


def _outcome(rule: Rule, found: Result) -> Outcome:
    if found.low is None or found.high is None:
        return "inconclusive"
    below, above = found.high < rule.threshold, found.low > rule.threshold
    good, bad = (below, above) if rule.at == "most" else (above, below)
    if bad:
        return "fail"
    return "pass" if good and found.n >= rule.min_n else "inconclusive"
