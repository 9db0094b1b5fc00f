"""A score is a probability, or it is told how far it is not."""

import pytest

from caretune.safety import calibration


def test_scores_that_mean_what_they_say_have_no_error():
    """Of ten messages scored .2 two are positive, of ten scored .7 seven."""
    truth = [True] * 2 + [False] * 8 + [True] * 7 + [False] * 3
    found = calibration.measure([0.2] * 10 + [0.7] * 10, truth)
    assert found.error == pytest.approx(0.0, abs=1e-9)
    assert [(b.score, b.positive.value) for b in found.bins] == [(0.2, 0.2), (0.7, 0.7)]


def test_an_overconfident_head_is_told_by_its_distance():
    """Sure of all, right in half: off by .5; bins weigh by their messages."""
    assert calibration.measure([1.0] * 4, [True, True, False, False]).error == 0.5
    mixed = calibration.measure([1.0] * 4 + [0.0] * 4, [True, True, False, False] + [False] * 4)
    assert mixed.error == 0.25
    assert [b.positive.n for b in mixed.bins] == [4, 4]


def test_nothing_measured_is_no_error():
    """Without messages there is no figure."""
    assert calibration.measure([], []) == calibration.Calibration(0, None, [])


def test_every_score_needs_a_truth():
    """Lists of different lengths are our own fault."""
    with pytest.raises(ValueError, match="zip"):
        calibration.measure([0.5], [])
