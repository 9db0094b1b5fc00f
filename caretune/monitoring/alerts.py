"""Alerts: what in a log crosses its limit, told once until it clears.

One rule, one alert: windows that cross a limit one after the other, or with less than the cool-down
between them, are one alert with its worst value. A share of few events says little, so it is asked
only from `min_events` on; counts of grave things are always asked.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from caretune.monitoring import latency
from caretune.monitoring.windows import Gap, Window, gaps

RULES = (
    "filter_failures",
    "imminent_messages",
    "personal_data_in_replies",
    "silence",
    "slow_filters",
    "stopped_replies",
    "unreadable_log",
    "unscored_messages",
)
"""Every rule; docs/runbooks has a page for each."""


class Limits(NamedTuple):
    """The most that is no alert, as params.yaml gives it (`caretune.params.monitoring`)."""

    window_minutes: int
    cool_down_minutes: int
    min_events: int
    max_filter_failures: int
    max_imminent_per_hour: float
    max_reply_pii_rate: float
    max_silence_minutes: int
    max_latency_p99_ms: float
    max_stopped_reply_rate: float
    max_unreadable_rate: float
    max_unscored_rate: float


class Alert(msgspec.Struct, frozen=True):
    """One rule that fired from `since` up to `until`."""

    rule: str
    value: float
    """The worst."""
    threshold: float
    """The most that is no alert."""
    unit: str
    since: datetime
    until: datetime
    times: int
    """How many windows (for `silence`: silences) crossed the threshold."""
    runbook: str
    """Page that says what to do."""


class _Finding(NamedTuple):
    rule: str
    value: float
    threshold: float
    unit: str
    start: datetime
    end: datetime


def find(windows: Sequence[Window], unreadable: int, limits: Limits) -> list[Alert]:
    """Return the alerts of a log, by rule and time.

    Args:
        windows: Its windows, the earliest first; at least one.
        unreadable: How many of its lines could not be read.
        limits: The most that is no alert.
    """
    found = [*_quiet(gaps(list(windows)), limits), *_unreadable(windows, unreadable, limits)]
    for window in windows:
        found += _measured(window, limits)
    crossed = [finding for finding in found if finding.value > finding.threshold]
    crossed.sort(key=lambda finding: (finding.rule, finding.start))
    return _merged(crossed, timedelta(minutes=limits.cool_down_minutes))


def _measured(window: Window, limits: Limits) -> Iterator[_Finding]:
    place = (window.start, window.end)
    hours = (window.end - window.start) / timedelta(hours=1)
    most, imminent = limits.max_filter_failures, limits.max_imminent_per_hour
    yield _Finding("filter_failures", window.failures, most, "messages", *place)
    yield _Finding("imminent_messages", window.imminent / hours, imminent, "an hour", *place)
    for rule, part, whole, limit in (
        ("unscored_messages", window.unscored, window.events, limits.max_unscored_rate),
        ("stopped_replies", window.stopped_replies, window.replies, limits.max_stopped_reply_rate),
        (
            "personal_data_in_replies",
            window.replies_with_pii,
            window.replies,
            limits.max_reply_pii_rate,
        ),
    ):
        if whole >= limits.min_events:
            yield _Finding(rule, part / whole, limit, "of all", *place)
    slowest = latency.quantile(window.latencies, 0.99)
    if slowest is not None and window.events >= limits.min_events:
        yield _Finding("slow_filters", slowest, limits.max_latency_p99_ms, "ms at p99", *place)


def _quiet(between: Iterator[Gap], limits: Limits) -> Iterator[_Finding]:
    for gap in between:
        minutes = (gap.end - gap.start) // timedelta(minutes=1)
        yield _Finding(
            "silence", minutes, limits.max_silence_minutes, "minutes", gap.start, gap.end
        )


def _unreadable(windows: Sequence[Window], lines: int, limits: Limits) -> Iterator[_Finding]:
    """Judge the log as a whole: a line that cannot be read tells no time."""
    rate = lines / (lines + sum(window.events for window in windows))
    place = (windows[0].start, windows[-1].end)
    yield _Finding("unreadable_log", rate, limits.max_unreadable_rate, "of all lines", *place)


def _merged(findings: Sequence[_Finding], cool_down: timedelta) -> list[Alert]:
    alerts: list[Alert] = []
    for found in findings:
        last = alerts[-1] if alerts and alerts[-1].rule == found.rule else None
        if last is not None and found.start <= last.until + cool_down:
            alerts[-1] = msgspec.structs.replace(
                last,
                value=max(last.value, found.value),
                until=found.end,
                times=last.times + 1,
            )
        else:
            page = f"docs/runbooks/{found.rule}.md"
            alerts.append(
                Alert(
                    rule=found.rule,
                    value=found.value,
                    threshold=found.threshold,
                    unit=found.unit,
                    since=found.start,
                    until=found.end,
                    times=1,
                    runbook=page,
                )
            )
    return alerts
