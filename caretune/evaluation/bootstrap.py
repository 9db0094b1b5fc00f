"""Intervals by resampling families: rows of one family are no independent evidence.

Every statistic here is a ratio of sums (nats over tokens, hits over replies). Whole families are
drawn with replacement. The interval is the bootstrap-t (Hesterberg 2015, The American Statistician
69:371), since with skewed differences and 20 families the percentile interval let 12 % pass at the
margin in simulation and the bootstrap-t 5 %. A share takes the percentile interval and its hull
with Wilson's score interval at the effective sample size (Korn and Graubard 1998, Survey
Methodology 24:193), since no resample of a sample without a hit ever shows one: 0 of 60 is not 0.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from caretune.safety import rates

Floats = NDArray[np.float64]
Link = Callable[[Floats], Floats]

MIN_FAMILIES = 12
"""With fewer families only a share has an interval, Wilson's; resampling would promise too much."""
_CHUNK = 128
"""Resamples drawn at a time; bounds memory at a few arrays of 128 x families."""


class Plan(NamedTuple):
    """How intervals are made; equal seeds and family counts draw equal families."""

    resamples: int
    confidence: float
    """Level of the two-sided interval, 0..1."""
    seed: int


class Totals(NamedTuple):
    """Sums over each family's scored items, both of shape (families,)."""

    numerators: Floats
    denominators: Floats


class Interval(NamedTuple):
    """A value, its two-sided interval, and the standard deviation of one family's influence."""

    value: float
    low: float | None
    high: float | None
    deviation: float | None


class _Estimates(NamedTuple):
    values: Floats  # (resamples,)
    errors: Floats  # (resamples,), standard errors


def totals(families: Sequence[str], numerators: Floats, denominators: Floats) -> Totals:
    """Sum items, arrays of shape (items,), by family; families are sorted by name."""
    names, places = np.unique(np.asarray(families, dtype=str), return_inverse=True)
    top, bottom = (np.bincount(places, of, len(names)) for of in (numerators, denominators))
    return Totals(top.astype(np.float64), bottom.astype(np.float64))


def ratio(sample: Totals, link: Link, plan: Plan, *, share: bool) -> Interval:
    """Return `link(sum of numerators / sum of denominators)` with its interval.

    The interval's ends are the linked ends of the ratio's. `share` says that the ratio is a share
    of items, 0..1 (then `link` is the identity).
    """
    found = _interval([(1, sample)], np.positive, plan, share=share)
    if share:
        found = _hull(
            found, rates.wilson(found.value, _effective_size(sample, found), plan.confidence)
        )
    low, high = (end if end is None else float(link(np.asarray(end))) for end in found[1:3])
    value = np.asarray(found.value)
    deviation = found.deviation and found.deviation * float(_slope(link, value))
    return Interval(float(link(value)), low, high, deviation)


def difference(
    candidate: Totals, baseline: Totals, link: Link, plan: Plan, *, share: bool
) -> Interval:
    """Return candidate minus baseline with its interval; both see the same resampled families.

    A difference of shares gets the hull with the score intervals of the two discordant shares,
    combined by MOVER (Zou and Donner 2008, Statistics in Medicine 27:1693).
    """
    found = _interval([(1, candidate), (-1, baseline)], link, plan, share=share)
    if not share or found.deviation is None:
        return found
    return _hull(found, _discordant(candidate, baseline, plan.confidence))


def _interval(
    terms: Sequence[tuple[int, Totals]], link: Link, plan: Plan, *, share: bool
) -> Interval:
    families = len(terms[0][1].numerators)
    observed = _estimate(terms, link, np.ones((1, families)))
    value, error = float(observed.values[0]), float(observed.errors[0])
    if families < MIN_FAMILIES:
        return Interval(value, None, None, None)
    deviation = error * families**0.5
    if error == 0.0:
        return Interval(value, None, None, 0.0)  # no spread, so nothing to resample
    drawn = _resample(terms, link, plan)
    tails = [(1 - plan.confidence) / 2, (1 + plan.confidence) / 2]
    if share:
        low, high = np.quantile(drawn.values, tails)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (drawn.values - value) / drawn.errors
            below, above = np.quantile(np.where(np.isnan(t), 0.0, t), tails)
        low, high = value - above * error, value - below * error
    if not np.isfinite([low, high]).all():
        return Interval(value, None, None, deviation)  # too few families differ at all
    return Interval(value, float(low), float(high), deviation)


def _resample(terms: Sequence[tuple[int, Totals]], link: Link, plan: Plan) -> _Estimates:
    families = len(terms[0][1].numerators)
    generator = np.random.default_rng(plan.seed)
    parts = [
        _estimate(
            terms,
            link,
            generator.multinomial(
                families,
                np.full(families, 1 / families),
                min(_CHUNK, plan.resamples - start),
            ).astype(np.float64),
        )
        for start in range(0, plan.resamples, _CHUNK)
    ]
    return _Estimates(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _estimate(terms: Sequence[tuple[int, Totals]], link: Link, counts: Floats) -> _Estimates:
    """Estimate under each row of family counts, shape (resamples, families).

    The error is that of the linearised ratio (Cochran 1977, Sampling Techniques, section 6.3).
    """
    families = counts.shape[1]
    values = np.zeros(len(counts))
    influence = np.zeros(counts.shape)
    for sign, (numerators, denominators) in terms:
        below = counts @ denominators  # (resamples,)
        found = (counts @ numerators) / below  # (resamples,)
        values += sign * link(found)
        weight = sign * _slope(link, found) * families / below  # (resamples,)
        influence += weight[:, None] * (numerators - found[:, None] * denominators)
    variance = (counts * influence**2).sum(axis=1) / max(families - 1, 1)
    return _Estimates(values, np.sqrt(variance / families))


def _slope(link: Link, value: Floats, step: float = 1e-6) -> Floats:
    return (link(value + step) - link(value - step)) / (2 * step)


def _hull(found: Interval, other: tuple[float, float]) -> Interval:
    # The value itself: rounding puts Wilson's end for n of n an ulp below 1.
    ends = [end for end in (found.value, found.low, found.high, *other) if end is not None]
    return found._replace(low=min(ends), high=max(ends))


def _effective_size(sample: Totals, found: Interval) -> float:
    """Items worth as much as these clustered ones; the families where their spread is unknown."""
    families, share = len(sample.numerators), found.value
    if not found.deviation or share in {0.0, 1.0}:
        return float(families)
    return float(
        min(sample.denominators.sum(), share * (1 - share) * families / found.deviation**2)
    )


def _discordant(candidate: Totals, baseline: Totals, confidence: float) -> tuple[float, float]:
    families = len(candidate.numerators)
    change = (candidate.numerators - baseline.numerators) / candidate.denominators.sum()
    up, down = float(change.clip(min=0).sum()), float((-change).clip(min=0).sum())
    up_low, up_high = rates.wilson(up, families, confidence)
    down_low, down_high = rates.wilson(down, families, confidence)
    return (
        up - down - ((up - up_low) ** 2 + (down_high - down) ** 2) ** 0.5,
        up - down + ((up_high - up) ** 2 + (down - down_low) ** 2) ** 0.5,
    )
