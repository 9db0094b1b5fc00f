"""`caretune scan`: the filters' decision on every line of a JSONL file or of standard input."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import track

from caretune import records
from caretune.cli.lines import Door, Line, fault
from caretune.errors import CaretuneError
from caretune.monitoring import events, log
from caretune.monitoring.events import Event
from caretune.monitoring.tally import Tally
from caretune.records import encode
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision

_SOME_LINES_BAD = 3
_STDERR = Path("-")


def scan(
    source: Annotated[
        Path | None,
        typer.Argument(
            help="JSONL file; standard input where none is given.", exists=True, dir_okay=False
        ),
    ] = None,
    filters: Annotated[
        Path, typer.Option(help="Folder of the filter bundle.", exists=True, file_okay=False)
    ] = Path("models/filters"),
    events_file: Annotated[
        Path | None,
        typer.Option(
            "--events",
            help="Append one event a decision to this log, without text; `caretune monitor` reads it.",
            dir_okay=False,
        ),
    ] = None,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            help="Write counters of the run to this file as Prometheus text; `-` for stderr.",
            dir_okay=False,
            allow_dash=True,
        ),
    ] = None,
) -> None:
    """Judge messages: one JSON object a line in, one decision a line out (docs/formats.md).

    Lines are {"text", "role", "context"?} or {"turns": [...]}; an "id" is handed through. A lone
    surrogate is read as U+FFFD. The summary stands on stderr.

    Exit code 0 when every line was read, 3 when some were bad; those are numbered on stderr, the
    rest goes on.

    For example:

      echo '{"text": "I cannot sleep before exams."}' | caretune scan

      caretune scan messages.jsonl --events events.jsonl > decisions.jsonl
    """
    chain = Chain.load(filters)
    with ExitStack() as stack:
        lines = stack.enter_context(sys.stdin.buffer if source is None else source.open("rb"))
        append = None if events_file is None else stack.enter_context(log.appending(events_file))
        run = _Run(chain, append)
        started = time.perf_counter()
        run.over(_shown(lines))
        sys.stdout.flush()
    typer.echo(run.summary(time.perf_counter() - started), err=True)
    if prometheus is not None:
        _write_counters(prometheus, run)
    if run.bad:
        raise typer.Exit(_SOME_LINES_BAD)


class _Run:
    """Judges lines, writes decisions to standard output, and counts."""

    def __init__(self, chain: Chain, append: Callable[[Event], None] | None) -> None:
        self.tally = Tally()
        self.bad = 0
        self._chain = chain
        self._append = append
        self._door = Door()

    def over(self, lines: Iterable[bytes]) -> None:
        """Judge every line that is not blank."""
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            try:
                decision = self._judge(self._door.read(raw))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self.bad += 1
                typer.echo(f"line {number}: {fault(error)}", err=True)
                continue
            sys.stdout.buffer.write(encode(decision) + b"\n")

    @property
    def mended(self) -> int:
        """How many lines were read with a lone surrogate replaced."""
        return self._door.mended

    def summary(self, seconds: float) -> str:
        """Say in one line what was judged, how grave it was, and how fast."""
        families = {family.name: family.counts for family in self.tally.families()}
        mended = f", {self.mended} with lone surrogates replaced" if self.mended else ""
        return (
            f"{self.tally.events} judged ({_counts(families['actions'])}), {self.bad} bad lines{mended}; "
            f"severity {_counts(families['severities'])}; "
            f"{self.tally.events / max(seconds, 1e-9):,.0f} messages/s"
        )

    def _judge(self, line: Line) -> Decision:
        turns = line.conversation()
        role: events.Role = line.role if turns is None else "conversation"
        started = time.perf_counter()
        if turns is None:
            decision = self._chain.scan_message(line.text or "", line.role, line.context)
        else:
            decision = self._chain.scan_turns(turns)
        event = events.of(decision, role, _now, 1000 * (time.perf_counter() - started))
        self.tally.add(event)
        if self._append is not None:
            self._append(event)
        return decision if line.id is None else msgspec.structs.replace(decision, id=line.id)


def _now() -> datetime:
    return datetime.now(UTC)


def _shown(lines: BinaryIO) -> Iterator[bytes]:
    """Show how far a run is where somebody watches: stderr a terminal, decisions going elsewhere."""
    console = Console(stderr=True)
    watched = sys.stderr.isatty() and not sys.stdout.isatty()
    yield from track(lines, "scanning", console=console, transient=True, disable=not watched)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in counts.items() if count) or "none"


def _write_counters(path: Path, run: _Run) -> None:
    from caretune.monitoring import prometheus  # it loads a web server: 60 ms

    lines = {"judged": run.tally.events, "bad": run.bad, "mended": run.mended}
    text = prometheus.text(run.tally, lines, firing={})
    if path == _STDERR:
        typer.echo(text, err=True, nl=False)
        return
    try:
        # A file appears whole or not at all; a pipe or a device stays what it is.
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            records.write_text(path, text)
    except OSError as error:
        raise CaretuneError(
            f"{path}: counters cannot be written here ({error.strerror}). Name another file."
        ) from None
