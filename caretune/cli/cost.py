"""`caretune cost`: what the runs of the pipeline took, from the cost ledger."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from caretune import records
from caretune.cli import stage
from caretune.errors import CaretuneError
from caretune.lineage import cost as ledgers
from caretune.lineage.cost import Entry, Sum
from caretune.params import loader

_WIDTH = 140
_GIB = 1 << 30
_SHORT = 8
_HEADINGS = (
    "runs", "hours", "CPU hours", "peak GiB", "kWh, est.", "USD", "unpriced", "failed", "stopped",
    "unfinished",
)  # fmt: skip


def cost(
    form: Annotated[
        Literal["text", "json"], typer.Option("--format", help="Tables, or JSON for programs.")
    ] = "text",
    since: Annotated[
        datetime | None, typer.Option(help="Leave out runs that began before this time (UTC).")
    ] = None,
    ledger: Annotated[Path, typer.Option(help="The ledger that the stages write.")] = stage.COSTS,
    params: Annotated[
        Path, typer.Option(help="File whose train.prices_usd_per_hour are applied.")
    ] = Path("params.yaml"),
) -> None:
    """Show what the runs of stages took: by stage, by commit, by experiment.

    Every stage that DVC runs adds to the ledger, also in the workspace of `dvc exp run --temp`
    and of the queue; one that is run by hand does not. The ledger lies outside git and DVC, and
    no stage reads it.

    hours        wall time; what was restored from the run cache took none

    CPU hours    of the process and the children it waited for; of several processes of
    torchrun, the first

    peak GiB     most memory of one process; several may have worked side by side

    kWh          an estimate: CPU seconds times 10 W, and the power samples of the GPUs

    USD          hours times the price of the device in params.yaml, as it is now: set
    train.prices_usd_per_hour to what your machines cost you

    unpriced     runs on a device without a price there; not in USD

    failed       runs that ended with an error

    stopped      runs that stopped at their window or budget, or by Ctrl-C

    unfinished   runs that were killed, or are still at work: what they took is not known

    A commit is the one that was checked out; files may have been changed since.

    For example:

      caretune cost --since 2026-11-20

      caretune cost --format json
    """
    prices = loader.load(params).train.prices_usd_per_hour
    found = ledgers.read(ledger)
    entries = [entry for entry in found.entries if since is None or entry.start >= _utc(since)]
    if not entries:
        after = f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""
        lost = f", and {found.unreadable} lines that cannot be read" if found.unreadable else ""
        advice = "Name an earlier time, or run" if since else "Run"
        raise CaretuneError(f"{ledger}: no run{after}{lost}. {advice} `dvc repro`.")
    tables = {
        "stage": _summed({entry.run: entry.stage for entry in entries}, entries, prices),
        "commit": _summed({entry.run: entry.commit for entry in entries}, entries, prices),
        "experiment": _summed({entry.run: entry.experiment for entry in entries}, entries, prices),
    }
    whole = ledgers.total(entries, prices)
    if form == "json":
        print(records.pretty(_plain(tables, whole, found.unreadable)).decode(), end="")
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for name, rows in tables.items():
        if rows:
            console.print(_table(name, rows, whole))
    for sentence in _remarks(entries, whole, found.unreadable, prices):
        console.print(sentence, highlight=False, markup=False)


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC)


def _summed(
    names: Mapping[str, str | None], entries: Sequence[Entry], prices: Mapping[str, float]
) -> dict[str, Sum]:
    """Return the sums by name, in the order in which each began; runs without a name are left out.

    Args:
        names: Run -> name.
        entries: All runs.
        prices: US dollars an hour by device.
    """
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        name = names[entry.run]
        if name is not None:
            groups.setdefault(name, []).append(entry)
    return {name: ledgers.total(group, prices) for name, group in groups.items()}


def _plain(tables: Mapping[str, Mapping[str, Sum]], whole: Sum, unreadable: int) -> dict[str, Any]:
    sums = {
        f"by_{name}": {key: row._asdict() for key, row in rows.items()}
        for name, rows in tables.items()
    }
    return {**sums, "total": whole._asdict(), "unreadable_lines": unreadable}


def _table(name: str, rows: Mapping[str, Sum], whole: Sum) -> Table:
    table = Table(show_footer=name == "stage")
    table.add_column(name, footer="total")
    for heading, footer in zip(_HEADINGS, _cells(whole), strict=True):
        table.add_column(heading, justify="right", footer=footer)
    for key, row in rows.items():
        table.add_row(key[:_SHORT] if name == "commit" else key, *_cells(row))
    return table


def _cells(row: Sum) -> tuple[str, ...]:
    return (
        f"{row.runs}",
        f"{row.hours:.3f}",
        f"{row.cpu_hours:.3f}",
        f"{row.peak_bytes / _GIB:.2f}",
        f"{row.kwh:.4f}",
        f"{row.usd:.4f}",
        *(f"{count or '-'}" for count in row[-4:]),
    )


def _remarks(
    entries: Sequence[Entry], whole: Sum, unreadable: int, prices: Mapping[str, float]
) -> Iterator[str]:
    """Yield what the sums leave out."""
    if whole.unpriced:
        used = {entry.usage.device for entry in entries if entry.usage is not None}
        missing = sorted(device for device in used if ledgers.price(device, prices) is None)
        yield f"no price in train.prices_usd_per_hour fits {', '.join(missing)}"
    if whole.unfinished:
        yield "unfinished runs were killed or are still at work: their time is in no sum"
    if unreadable:
        yield f"{unreadable} lines of the ledger cannot be read and are left out"
