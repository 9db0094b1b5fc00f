"""Quantiles from buckets."""

from collections import Counter

import pytest

from caretune.monitoring.latency import bucket, quantile


def sketch(values):
    """Count values by bucket."""
    return Counter(map(bucket, values))


@pytest.mark.parametrize("scale", [0.01, 1.0, 250.0])
def test_a_quantile_is_at_most_five_percent_too_high(scale):
    """Of 1..1000 in any unit, p50 is 500 and p99 is 990."""
    buckets = sketch(scale * value for value in range(1, 1001))
    for share, exact in ((0.5, 500 * scale), (0.99, 990 * scale)):
        assert exact * 0.995 <= quantile(buckets, share) <= exact * 1.055


def test_one_slow_message_in_fifty_is_seen_at_p99():
    """The slow ones are no rounding."""
    assert quantile(sketch([1.0] * 49 + [400.0]), 0.99) == pytest.approx(400, rel=0.055)


def test_nothing_has_no_quantile():
    """No events, no value; a latency of zero has one."""
    assert quantile(Counter(), 0.99) is None
    assert quantile(sketch([0.0]), 0.99) == pytest.approx(0.001, rel=0.06)


def test_buckets_stay_few():
    """A million different latencies from a microsecond to a minute need a few hundred counts."""
    assert len({bucket(10 ** (exponent / 1000)) for exponent in range(-3000, 4778)}) < 400
