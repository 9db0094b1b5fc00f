"""Alerts: what crosses a limit, told once."""

from datetime import timedelta

import pytest

from caretune.monitoring import alerts, training_alerts
from caretune.monitoring.alerts import RULES, Limits
from caretune.monitoring.windows import Windows
from caretune.safety.taxonomy import Action, Severity
from tests.house.closure import ROOT
from tests.unit.monitoring.made import NOON, event, failure, reply

LIMITS = Limits(
    window_minutes=60,
    cool_down_minutes=60,
    min_events=20,
    max_filter_failures=0,
    max_imminent_per_hour=5.0,
    max_reply_pii_rate=0.02,
    max_silence_minutes=120,
    max_latency_p99_ms=50.0,
    max_stopped_reply_rate=0.05,
    max_unreadable_rate=0.01,
    max_unscored_rate=0.10,
)


def found(events, unreadable=0, **given):
    """Find the alerts of events, with changes to the limits."""
    limits = LIMITS._replace(**given)
    windows = Windows(limits.window_minutes)
    for each in events:
        windows.add(each)
    return alerts.find(windows.sorted(), unreadable, limits)


def burst(hour, count=6):
    """Imminent messages within one hour after noon."""
    return [event(60 * hour + n, severity=Severity.IMMINENT) for n in range(count)]


CALM = [event(n / 10) for n in range(100)]
CROSSED = [
    pytest.param("filter_failures", [*CALM, failure()], 0, 1, id="filter_failures"),
    pytest.param("imminent_messages", burst(0), 0, 6, id="imminent_messages"),
    pytest.param(
        "personal_data_in_replies",
        [*[reply()] * 97, *[reply(pii=["EMAIL"])] * 3],
        0,
        0.03,
        id="personal_data_in_replies",
    ),
    pytest.param("silence", [event(0), event(122)], 0, 121, id="silence"),
    pytest.param("slow_filters", [*CALM, *[event(latency_ms=60)] * 2], 0, 60, id="slow_filters"),
    pytest.param(
        "stopped_replies",
        [*[reply()] * 94, *[reply(action=Action.REPLACE)] * 6],
        0,
        0.06,
        id="stopped_replies",
    ),
    pytest.param("unreadable_log", CALM, 2, 2 / 102, id="unreadable_log"),
    pytest.param(
        "unscored_messages",
        [*[event()] * 89, *[event(severity=Severity.UNSCORED)] * 11],
        0,
        0.11,
        id="unscored_messages",
    ),
]


@pytest.mark.parametrize(("rule", "events", "unreadable", "value"), CROSSED)
def test_a_value_above_its_limit_is_one_alert(rule, events, unreadable, value):
    """The rule, what was measured and the page come along, and no other rule fires."""
    (alert,) = found(events, unreadable)
    assert (alert.rule, alert.times) == (rule, 1)
    assert alert.value == pytest.approx(value, rel=0.06)
    assert alert.value > alert.threshold
    assert alert.runbook == f"docs/runbooks/{rule}.md"


@pytest.mark.parametrize(("rule", "events", "unreadable", "value"), CROSSED)
def test_a_value_at_its_limit_is_none(rule, events, unreadable, value):
    """The limit itself is allowed."""
    names = {
        "filter_failures": "max_filter_failures",
        "imminent_messages": "max_imminent_per_hour",
        "personal_data_in_replies": "max_reply_pii_rate",
        "silence": "max_silence_minutes",
        "slow_filters": "max_latency_p99_ms",
        "stopped_replies": "max_stopped_reply_rate",
        "unreadable_log": "max_unreadable_rate",
        "unscored_messages": "max_unscored_rate",
    }
    (alert,) = found(events, unreadable)
    assert found(events, unreadable, **{names[rule]: alert.value}) == []


def test_every_rule_is_tested_and_has_a_page():
    """A rule without a page would send somebody nowhere at night; a page without a rule is dead."""
    assert tuple(case.values[0] for case in CROSSED) == RULES
    pages = sorted((ROOT / "docs/runbooks").glob("*.md"))
    assert [page.stem for page in pages] == sorted([*RULES, *training_alerts.RULES])
    for page in pages:
        text = page.read_text()
        assert text.startswith(f"# {page.stem}: ")
        assert all(part in text for part in ("**Says**", "**Look**", "**Do**", "**Clears**"))


def test_windows_that_follow_are_one_alert_with_the_worst_value():
    """Three bad hours are told once."""
    (alert,) = found([*burst(0), *burst(1, 9), *burst(2, 7)])
    assert (alert.value, alert.times) == (9, 3)
    assert (alert.since, alert.until) == (NOON, NOON + timedelta(hours=3))


def test_an_alert_that_cleared_comes_again_only_after_the_cool_down():
    """One calm hour is inside the cool-down of an hour, two are not."""
    assert [alert.times for alert in found([*burst(0), *burst(2)])] == [2]
    assert [alert.times for alert in found([*burst(0), *burst(3)], max_silence_minutes=999)] == [
        1,
        1,
    ]
    assert [alert.times for alert in found([*burst(0), *burst(2)], cool_down_minutes=0)] == [1, 1]


def test_a_share_of_few_events_is_not_judged():
    """Two stopped of nineteen replies say little; a failed filter says enough alone."""
    replies = [reply(action=Action.BLOCK)] * 19
    assert found(replies) == []
    assert [alert.rule for alert in found([*replies, replies[0]])] == ["stopped_replies"]
    assert [alert.rule for alert in found([failure()])] == ["filter_failures"]


def test_a_rate_an_hour_follows_the_length_of_the_window():
    """Two imminent messages in ten minutes are twelve an hour."""
    (alert,) = found(burst(0, 2), window_minutes=10)
    assert alert.value == pytest.approx(12)


def test_alerts_come_by_rule_and_time():
    """The same log gives the same list, whatever the order of its events."""
    events = [*burst(3), failure(5), *burst(0), failure(700)]
    there, back = found(events), found(events[::-1])
    assert there == back
    assert [(alert.rule, alert.times) for alert in there] == [
        ("filter_failures", 1),
        ("filter_failures", 1),
        ("imminent_messages", 1),
        ("imminent_messages", 1),
        ("silence", 2),
    ]
