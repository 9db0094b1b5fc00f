"""Whether a head's probability means what it says: of all messages scored .7, are 70 % positive?"""

from collections.abc import Sequence

import msgspec

from caretune.safety.rates import Rate, rate

_BINS = 10


class Bin(msgspec.Struct, frozen=True):
    """Messages of like score: their mean score, and the share of them that is positive."""

    score: float
    positive: Rate


class Calibration(msgspec.Struct, frozen=True):
    """How a head's scores and the truth agree.

    `error` is the expected calibration error (Guo et al. 2017, On Calibration of Modern Neural
    Networks): the mean distance of score and share over the bins, weighed by messages; 0.0 = a
    score is a probability, 0.1 = it is off by ten points on average.
    """

    n: int
    error: float | None
    bins: list[Bin]


def measure(scores: Sequence[float], truth: Sequence[bool]) -> Calibration:
    """Sort messages into ten bins of equal width by score; empty bins are left out.

    Args:
        scores: Each message's probability, 0..1, from a model that did not see it.
        truth: Whether it is positive.
    """
    members: dict[int, list[tuple[float, bool]]] = {}
    for score, positive in zip(scores, truth, strict=True):
        members.setdefault(min(int(score * _BINS), _BINS - 1), []).append((score, positive))
    bins, distance = [], 0.0
    for number in sorted(members):
        told = [score for score, _ in members[number]]
        share = rate(positive for _, positive in members[number])
        mean = sum(told) / len(told)
        distance += abs(sum(told) - sum(positive for _, positive in members[number]))
        bins.append(Bin(round(mean, 4), share))
    n = len(scores)
    return Calibration(n, round(distance / n, 4) if n else None, bins)
