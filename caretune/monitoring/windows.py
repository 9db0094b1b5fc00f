"""Events in windows of time: what alerts are judged on, independent of the order of the events.

Windows stand side by side from 1970-01-01 UTC on. Each keeps counts and one bit a minute, so memory
grows with the hours that a log covers, never with its events.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from caretune.monitoring import latency
from caretune.monitoring.events import Event
from caretune.safety.taxonomy import Action, Severity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_STOPPED = frozenset({Action.BLOCK, Action.REPLACE})


@dataclass
class Window:
    """Counts of the events from `start` up to `end`."""

    start: datetime
    end: datetime
    events: int = 0
    replies: int = 0
    """Events whose message is a reply of ours."""
    stopped_replies: int = 0
    """Replies that were blocked or replaced."""
    replies_with_pii: int = 0
    imminent: int = 0
    unscored: int = 0
    failures: int = 0
    """Events on which a filter raised."""
    latencies: Counter[int] = field(default_factory=Counter)
    minutes: int = 0
    """Bit i is 1 where an event fell into minute i of the window."""

    def add(self, event: Event) -> None:
        """Count one event of this window."""
        reply = event.role == "assistant"
        self.events += 1
        self.replies += reply
        self.stopped_replies += reply and event.action in _STOPPED
        self.replies_with_pii += reply and bool(event.pii)
        self.imminent += event.severity == Severity.IMMINENT
        self.unscored += event.severity == Severity.UNSCORED
        self.failures += event.filter_failed
        self.latencies[latency.bucket(event.latency_ms)] += 1
        self.minutes |= 1 << (event.time - self.start) // _MINUTE

    def plain(self) -> dict[str, Any]:
        """Return counts and rates for JSON; a rate is null where there is nothing to take it of."""
        hours = (self.end - self.start) / timedelta(hours=1)
        return {
            "start": self.start,
            "end": self.end,
            "events": self.events,
            "events_per_hour": round(self.events / hours, 4),
            "imminent_per_hour": round(self.imminent / hours, 4),
            "unscored_rate": rate(self.unscored, self.events),
            "replies": self.replies,
            "stopped_reply_rate": rate(self.stopped_replies, self.replies),
            "reply_pii_rate": rate(self.replies_with_pii, self.replies),
            "filter_failures": self.failures,
            "latency_p99_ms": latency.quantile(self.latencies, 0.99),
        }


def rate(part: int, whole: int) -> float | None:
    """Return a share from 0.0 to 1.0, or None of nothing."""
    return round(part / whole, 4) if whole else None


class Gap(NamedTuple):
    """Whole minutes without an event: from `start` up to `end`, the minute of the next event."""

    start: datetime
    end: datetime


class Windows:
    """Sorts events into windows.

    Args:
        minutes: Length of a window, in minutes.
    """

    def __init__(self, minutes: int) -> None:
        self._length = timedelta(minutes=minutes)
        self._windows: dict[int, Window] = {}

    def add(self, event: Event) -> None:
        """Count one event in its window."""
        number = (event.time - _EPOCH) // self._length
        window = self._windows.get(number)
        if window is None:
            start = _EPOCH + number * self._length
            window = self._windows[number] = Window(start, start + self._length)
        window.add(event)

    def sorted(self) -> list[Window]:
        """Return the windows that have events, the earliest first."""
        return [self._windows[number] for number in sorted(self._windows)]


def gaps(windows: list[Window]) -> Iterator[Gap]:
    """Yield the minutes without an event between events; `windows` are sorted."""
    last: datetime | None = None
    for window in windows:
        bits, minute = window.minutes, window.start
        while bits:
            steps = (bits & -bits).bit_length() - 1
            minute += steps * _MINUTE
            if last is not None and minute > last:
                yield Gap(last, minute)
            last = minute = minute + _MINUTE
            bits >>= steps + 1
