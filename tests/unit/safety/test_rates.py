"""A share never stands without its count and interval."""

import pytest

from caretune.safety import rates


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        pytest.param(0, 60, 0.0, 0.0602, id="none of 60 may be 6 in 100"),
        pytest.param(60, 60, 0.9398, 1.0, id="all of 60"),
        pytest.param(45, 60, 0.6277, 0.8422, id="three of four"),
    ],
)
def test_interval_is_that_of_wilson(hits, n, low, high):
    """None is not zero and all is not one; the ends are those of the textbook."""
    found = rates.rate([True] * hits + [False] * (n - hits))
    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_wilson_equals_its_published_example():
    """15 of 263 without continuity correction is 0.0348 to 0.0919 (Newcombe 1998, table I)."""
    assert rates.wilson(15 / 263, 263, 0.95) == pytest.approx((0.0348, 0.0919), abs=1e-3)


def test_nothing_counted_is_no_rate():
    """Unscored is not zero."""
    assert rates.rate([]) == rates.Rate(None, None, None, 0)


def test_detection_counts_each_side_on_its_own():
    """Recall knows positives alone, false alarms negatives alone."""
    found = rates.detection([(True, True), (True, False), (False, True), (False, False)] * 2)
    assert (found.recall.value, found.recall.n) == (0.5, 4)
    assert (found.false_alarm_rate.value, found.false_alarm_rate.n) == (0.5, 4)
    told = rates.detection([(True, True), (False, False)])
    assert (told.recall.value, told.false_alarm_rate.value) == (1.0, 0.0)
