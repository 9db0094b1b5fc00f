"""Events in windows of time."""

import random
from datetime import timedelta

from caretune.monitoring.windows import Windows, gaps
from caretune.safety.taxonomy import Action, Severity
from tests.unit.monitoring.made import NOON, event, failure, reply


def sorted_in(events, minutes=60):
    """Sort events into windows."""
    windows = Windows(minutes)
    for each in events:
        windows.add(each)
    return windows.sorted()


def test_a_window_counts_what_alerts_ask():
    """Replies are counted apart from messages; a stopped one is blocked or replaced."""
    (window,) = sorted_in(
        [
            event(severity=Severity.IMMINENT, pii=["NAME"]),
            reply(action=Action.BLOCK),
            reply(action=Action.REPLACE, severity=Severity.UNSCORED),
            reply(action=Action.REDACT, pii=["NAME"]),
            failure(),
        ]
    )
    plain = window.plain()
    assert plain.pop("latency_p99_ms") > 0
    assert plain == {
        "start": NOON,
        "end": NOON + timedelta(hours=1),
        "events": 5,
        "events_per_hour": 5.0,
        "imminent_per_hour": 1.0,
        "unscored_rate": 0.4,
        "replies": 3,
        "stopped_reply_rate": 0.6667,
        "reply_pii_rate": 0.3333,
        "filter_failures": 1,
    }


def test_no_replies_have_no_rate():
    """A share of nothing is null, never zero."""
    (window,) = sorted_in([event()])
    assert window.plain()["stopped_reply_rate"] is None


def test_windows_stand_side_by_side():
    """An event on an edge belongs to the later window; empty windows are left out."""
    starts = [w.start for w in sorted_in([event(59.99), event(60), event(300)])]
    assert starts == [NOON + timedelta(hours=hour) for hour in (0, 1, 5)]


def test_the_order_of_events_does_not_matter():
    """Shuffled logs give the same windows."""
    events = [event(minute * 7.3, severity=Severity.HIGH) for minute in range(200)]
    shuffled = random.Random(5).sample(events, len(events))
    assert sorted_in(shuffled) == sorted_in(events)


def test_gaps_are_whole_minutes_between_events():
    """Within a window, across windows and over empty ones; neighbours have none."""
    windows = sorted_in([event(minute) for minute in (0.5, 1.9, 5.2, 59.9, 60.0, 200.5)])
    found = [
        ((gap.start - NOON) / timedelta(minutes=1), (gap.end - NOON) / timedelta(minutes=1))
        for gap in gaps(windows)
    ]
    assert found == [(2, 5), (6, 59), (61, 200)]


def test_a_gap_is_the_same_in_windows_of_any_length():
    """How long windows are does not change when nobody wrote."""
    events = [event(minute) for minute in (0, 61, 150, 1500)]
    assert len({tuple(gaps(sorted_in(events, minutes))) for minutes in (1, 7, 60, 44640)}) == 1


def test_memory_follows_the_hours_not_the_events():
    """Ten thousand events of one hour are one window with few counts."""
    (window,) = sorted_in(event(n / 200, latency_ms=n / 10) for n in range(10_000))
    assert window.events == 10_000
    assert len(window.latencies) < 250
