"""A strip shows value, interval, threshold, and which side passes."""

import re

from caretune.reports import intervals


def positions(drawn):
    """Return the horizontal places of the tinted side, the threshold, the bar and the dot."""
    return {
        "good": [
            float(x) for x in re.search(r'good" x="([\d.]+)" y="4" width="([\d.]+)', drawn).groups()
        ],
        "limit": float(re.search(r'limit" x1="([\d.]+)', drawn)[1]),
        "bar": [float(x) for x in re.search(r'bar" x1="([\d.]+)" x2="([\d.]+)', drawn).groups()],
        "dot": float(re.search(r'cx="([\d.]+)', drawn)[1]),
    }


def test_interval_beyond_the_threshold_is_drawn_beyond_it():
    """Value -0.3 of at most 0: dot and bar stand left of the line, on the tinted side."""
    place = positions(intervals.strip(-0.3, -0.4, -0.2, 0.0, better="lower").html)
    left, width = place["good"]
    assert place["bar"][0] < place["dot"] < place["bar"][1] < place["limit"]
    assert left < place["bar"][0]
    assert abs(left + width - place["limit"]) < 0.11


def test_higher_is_better_tints_the_other_side():
    """At least 100: what passes stands right of the line."""
    place = positions(intervals.strip(15, 10, 20, 100, better="higher").html)
    assert place["good"][0] == place["limit"]
    assert place["dot"] < place["limit"]


def test_no_interval_draws_no_bar():
    """Unknown uncertainty is not drawn as none."""
    drawn = intervals.strip(0.3, None, None, 0.5, better="lower").html
    assert 'class="bar"' not in drawn
    assert "interval" not in drawn


def test_value_at_the_threshold_divides_by_nothing():
    """0 of at most 0 lies in the middle of the strip."""
    place = positions(intervals.strip(0, 0, 0, 0, better="lower").html)
    assert place["dot"] == place["limit"] == 160


def test_given_ends_make_strips_comparable():
    """On one scale from 0 to 1 equal values stand at equal places, whatever their thresholds."""
    near = positions(intervals.strip(0.5, 0.4, 0.6, 0.55, better="higher", ends=(0, 1)).html)
    far = positions(intervals.strip(0.5, 0.4, 0.6, 1.0, better="higher", ends=(0, 1)).html)
    assert near["dot"] == far["dot"] == 160
    assert far["limit"] == 288


def test_band_has_a_place_for_what_lies_far_above():
    """The scale ends with the value where that is the largest."""
    drawn = intervals.band(0.9, 0.08, 0.2, unit="rate", last=0.3).html
    assert 'cx="288.0"' in drawn
    assert drawn.count('class="limit"') == 2
