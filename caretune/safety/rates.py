"""Shares of labelled messages, each with its count and its interval."""

from collections.abc import Iterable
from statistics import NormalDist

import msgspec

_CONFIDENCE = 0.95
_DIGITS = 4


class Rate(msgspec.Struct, frozen=True):
    """A share 0..1 of `n` with its two-sided 95 % interval; None where there was nothing to count.

    The interval is Wilson's (1927, Journal of the American Statistical Association 22:209): it
    stays in 0..1, and says of 0 in 60 that it may be 6 %. It takes messages as independent; they
    share authors, so the truth is a little wider.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


class Detection(msgspec.Struct, frozen=True):
    """How a detector does: recall 1.0 = every positive found, false alarms 0.0 = none raised."""

    recall: Rate
    false_alarm_rate: Rate


def rate(hits: Iterable[bool]) -> Rate:
    """Return the share of hits."""
    found = list(hits)
    if not found:
        return Rate(None, None, None, 0)
    count, n = sum(found), len(found)
    ends = wilson(count / n, n, _CONFIDENCE)
    value, low, high = (round(float(share), _DIGITS) for share in (count / n, *ends))
    return Rate(value, low, high, n)


def wilson(share: float, size: float, confidence: float) -> tuple[float, float]:
    """Return Wilson's (1927) score interval of a share seen in `size` independent items.

    Args:
        share: What was seen, 0..1.
        size: How many; an effective size (items that depend on one another) need not be whole.
        confidence: Level of the two-sided interval, 0..1.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * (share * (1 - share) / size + z * z / (4 * size**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def detection(pairs: Iterable[tuple[bool, bool]]) -> Detection:
    """Return recall and false alarms of pairs (truth, what was said)."""
    known = list(pairs)
    return Detection(
        recall=rate(said for truth, said in known if truth),
        false_alarm_rate=rate(said for truth, said in known if not truth),
    )
