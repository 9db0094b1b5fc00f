"""The filters' page: goals told by the whole interval, delays in words, mistakes by id."""

import pytest

from caretune.reports import filters
from tests.fixtures import reports

RATE = reports.RATE


def decided(**rate):
    """Build decisions in which every rate is the same."""
    same = RATE | rate
    severities = {
        name: {"any": same, "moderate": same, "high": same} for name in ("none", "imminent")
    }
    pair = {"recall": same, "false_alarm_rate": same}
    return {
        "crisis": {"any": pair, "grave": {"any": same}, "by_severity": severities},
        "ordinary": {"bias": severities["none"], "pii": severities["none"]},
        **dict.fromkeys(("toxicity", "bias", "appropriateness"), pair),
    }


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        pytest.param(
            {"value": 0.98, "low": 0.96, "high": 0.99}, "Met by the whole interval", id="met"
        ),
        pytest.param({"value": 0.96, "low": 0.5, "high": 0.99}, "Met, but not surely", id="unsure"),
        pytest.param({"value": 0.6, "low": 0.5, "high": 0.99}, "Not met", id="missed"),
        pytest.param(
            {"value": None, "low": None, "high": None, "n": 0}, "Not measured", id="nothing"
        ),
    ],
)
def test_goal_of_finding_is_met_by_the_lower_end(rate, words):
    """A value beyond the goal is not enough while its interval reaches below."""
    assert filters.found(decided(**rate)).html.count(words) == 6


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        pytest.param(
            {"value": 0.01, "low": 0.0, "high": 0.02}, "Met by the whole interval", id="met"
        ),
        pytest.param({"value": 0.01, "low": 0.0, "high": 0.2}, "Met, but not surely", id="unsure"),
        pytest.param({"value": 0.3, "low": 0.2, "high": 0.4}, "Not met", id="missed"),
    ],
)
def test_goal_of_sparing_is_met_by_the_upper_end(rate, words):
    """Few false alarms are proved by the upper end of the interval."""
    assert filters.spared(decided(**rate)).html.count(words) == 6


def test_delays_come_in_the_order_of_turns():
    """Early before at once before late, and never last."""
    drawn = filters.delays({"turns_to_alarm": {"-1": 2, "0": 4, "2": 1}, "never": 3}).html
    words = ["1 turn early", "in the same turn", "2 turns later", "never"]
    places = [drawn.index(word) for word in words]
    assert places == sorted(places)


def test_mistakes_show_the_beginning_of_their_id():
    """Twelve digits find a record; the words in it stay where they are."""
    mistake = {"id": "0123456789abcdef" * 2, "detector": "crisis", "error": "false_alarm"}
    drawn = filters.worst([mistake | {"authored": "none", "said": "high", "score": 0.9}]).html
    assert "0123456789ab<" in drawn
    assert "false alarm" in drawn


def test_each_main_head_has_a_diagram():
    """Five heads, five figures, each with its error in points."""
    bins = [{"score": 0.7, "positive": RATE}]
    heads = ("severity/low", "severity/high", "toxic", "bias", "inappropriate")
    calibration = {head: {"n": 8, "error": 0.05, "bins": bins} for head in heads}
    drawn = filters.reliability(calibration).html
    assert drawn.count("<figure>") == 5
    assert drawn.count("<span>off by 5.0 points on average, n = 8</span>") == 5


def test_other_peoples_sets_are_told_by_their_use():
    """The heading says whether they were learnt from; without any the page says where to look."""
    rate = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    told = {
        "development": {"diasafety": {"stopped": {"recall": rate, "false_alarm_rate": rate}}},
        "development_pii": {"NAME": {"recall": rate, "precision": rate}},
    }
    page = filters.development({**told, "development_use": "teach"}).html
    assert "judged by other folds" in page
    assert "diasafety: a reply with a fault" in page
    assert "NAME" in page
    assert "docs/own-data.md" in filters.development({"development_use": "none"}).html
