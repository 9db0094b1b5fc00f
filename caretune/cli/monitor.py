"""`caretune monitor`: counters, rates and alerts over the event logs of the filters."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from caretune import records
from caretune.errors import CaretuneError
from caretune.monitoring import alerts, log
from caretune.monitoring.alerts import Alert, Limits
from caretune.monitoring.events import Event
from caretune.monitoring.log import Lines
from caretune.monitoring.tally import Tally
from caretune.monitoring.windows import Window, Windows
from caretune.params import loader

_ALERTS_FIRE = 3
_STDIN = Path("-")
_SHOWN_WINDOWS = 24
_HEADINGS = ("events", "imminent", "unscored", "replies", "stopped", "with pii", "failures")


class Format(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    PROMETHEUS = "prometheus"


class Report(msgspec.Struct, frozen=True):
    """What logs say: lines by kind, counters, windows with events, alerts."""

    lines: Lines
    tally: Tally
    windows: list[Window]
    alerts: list[Alert]


def monitor(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(help="Event logs (JSONL); standard input where none is given, or for `-`."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="How the report is printed.")
    ] = Format.TEXT,
    since: Annotated[
        datetime | None,
        typer.Option(help="Leave out events before this time (UTC): what somebody has dealt with."),
    ] = None,
    params: Annotated[
        Path, typer.Option(help="File whose section `monitoring` holds the limits.")
    ] = Path("params.yaml"),
) -> None:
    """Count the events of logs and say where a limit is crossed.

    A log is what `caretune scan --events` appends to, and the service where
    params.yaml names one (`service.events`). The clock is that of its events: one
    log gives one report, whenever it is read. Lines that are no events are counted
    and never shown.

    A value above its limit in params.yaml, section `monitoring`, is an alert:

      filter_failures           max_filter_failures, messages in a window

      imminent_messages         max_imminent_per_hour, messages

      personal_data_in_replies  max_reply_pii_rate, share of replies

      silence                   max_silence_minutes, between two events

      slow_filters              max_latency_p99_ms, milliseconds

      stopped_replies           max_stopped_reply_rate, share of replies

      unreadable_log            max_unreadable_rate, share of lines

      unscored_messages         max_unscored_rate, share of messages

    Windows last window_minutes; a share or latency of fewer than min_events is not
    judged; what fires again within cool_down_minutes is the same alert.

    The shipped limits are starting points, none was measured in use: read some
    ordinary weeks with `--format json`, set each limit above what was usual, and
    write down why. docs/runbooks has a page for each alert: where its limit comes
    from, where to look, what to do.

    Exit code 0 without alerts, 3 with some, 2 for a file, params or a log that
    cannot be used.

    For example:

      caretune scan messages.jsonl --events events.jsonl > decisions.jsonl

      caretune monitor events.jsonl

      caretune monitor events.jsonl --since 2026-11-20T08:00:00 --format json
    """
    limits = Limits(**loader.load(params).monitoring.model_dump())
    report = _read(logs or [_STDIN], since and since.replace(tzinfo=UTC), limits)
    match form:
        case Format.TEXT:
            print("\n".join(_text(report)))
        case Format.JSON:
            print(records.pretty(_plain(report)).decode(), end="")
        case Format.PROMETHEUS:
            print(_prometheus(report), end="")
    if report.alerts:
        raise typer.Exit(_ALERTS_FIRE)


def _read(logs: Sequence[Path], since: datetime | None, limits: Limits) -> Report:
    reader, tally, windows = log.Reader(), Tally(), Windows(limits.window_minutes)
    for event in _events(reader, logs):
        if since is None or event.time >= since:
            tally.add(event)
            windows.add(event)
    if not tally.events:
        names = ", ".join("standard input" if path == _STDIN else str(path) for path in logs)
        after = f" since {_moment(since)} UTC" if since else ""
        other = reader.lines.other + reader.lines.unreadable + reader.lines.torn
        raise CaretuneError(
            f"{names}: no event{after}, {other} other lines. Name logs that "
            "`caretune scan --events` or the service wrote."
        )
    found = windows.sorted()
    fired = alerts.find(found, reader.lines.unreadable, limits)
    return Report(reader.lines, tally, found, fired)


def _events(reader: log.Reader, logs: Sequence[Path]) -> Iterator[Event]:
    for path in logs:
        if path == _STDIN:
            yield from reader.read(sys.stdin.buffer)
            continue
        try:
            file = path.open("rb")
        except OSError as error:
            raise CaretuneError(f"{path}: cannot be read ({error.strerror}). Name a log.") from None
        with file:
            yield from reader.read(file)


def _plain(report: Report) -> dict[str, Any]:
    return {
        "lines": report.lines,
        "counters": report.tally.plain(),
        "windows": [window.plain() for window in report.windows],
        "alerts": report.alerts,
    }


def _prometheus(report: Report) -> str:
    from caretune.monitoring import prometheus  # it loads a web server: 60 ms

    fired = {alert.rule for alert in report.alerts}
    firing = {rule: rule in fired for rule in alerts.RULES}
    return prometheus.text(report.tally, msgspec.structs.asdict(report.lines), firing)


def _text(report: Report) -> Iterator[str]:
    lines, windows = report.lines, report.windows
    yield (
        f"{report.tally.events:,} events, {_moment(windows[0].start)} to "
        f"{_moment(windows[-1].end)} UTC; {lines.other} other lines, {lines.unreadable} unreadable, "
        f"{lines.torn} torn, {lines.unknown_fields} events with unknown fields"
    )
    for family in report.tally.families():
        counts = ", ".join(f"{word} {count:,}" for word, count in family.counts.items() if count)
        yield f"{family.name.replace('_', ' '):14}{counts or 'none'}"
    shares = report.tally.quantiles()
    yield f"{'latency':14}p50 {shares['0.5']:g} ms, p99 {shares['0.99']:g} ms"
    yield ""
    yield from _table(windows)
    yield ""
    count = len(report.alerts)
    yield "no alert" if not count else "1 alert" if count == 1 else f"{count} alerts"
    for alert in report.alerts:
        times = f" ({alert.times} times)" if alert.times > 1 else ""
        yield (
            f"{alert.rule}: {alert.value:g} {alert.unit}, more than {alert.threshold:g}, "
            f"{_moment(alert.since)} to {_moment(alert.until)} UTC{times}: read {alert.runbook}"
        )


def _table(windows: Sequence[Window]) -> Iterator[str]:
    hidden = len(windows) - _SHOWN_WINDOWS
    if hidden > 0:
        yield f"the last {_SHOWN_WINDOWS} of {len(windows)} windows with events (--format json has all)"
    yield f"{'window (UTC)':17}" + "".join(f"{heading:>10}" for heading in _HEADINGS)
    for window in windows[-_SHOWN_WINDOWS:]:
        counts = (
            window.events,
            window.imminent,
            window.unscored,
            window.replies,
            window.stopped_replies,
            window.replies_with_pii,
            window.failures,
        )
        yield f"{_moment(window.start):17}" + "".join(f"{count:>10,}" for count in counts)


def _moment(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
