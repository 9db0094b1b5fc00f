"""Quantiles of latencies in bounded memory: counts in buckets whose edges grow by 5 %.

The sketch of Masson et al., DDSketch, VLDB 2019, read at the upper edges: a quantile is at most 5 %
too high, and too low by no more than its three digits round away.
"""

import math
from collections import Counter

_GROWTH = math.log(1.05)
_SMALLEST_MS = 0.001


def bucket(latency_ms: float) -> int:
    """Return the bucket of a latency; all up to a microsecond share one."""
    return math.ceil(math.log(max(latency_ms, _SMALLEST_MS)) / _GROWTH)


def quantile(buckets: Counter[int], share: float) -> float | None:
    """Return a latency in milliseconds that at least this share did not exceed; None without any.

    Args:
        buckets: Latencies counted by `bucket`.
        share: 0.5 = the median, 0.99 = all but the slowest hundredth.
    """
    wanted, seen = share * buckets.total(), 0
    for number in sorted(buckets):
        seen += buckets[number]
        if seen >= wanted:
            return float(f"{math.exp(number * _GROWTH):.3g}")
    return None
