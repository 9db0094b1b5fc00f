"""The cost ledger: what every run of a stage took, one line as it begins and one as it ends.

It holds what was measured and no money: prices are applied as it is read, so that a mended price
mends the past too. A run without a second line was killed or is still at work; what it took is not
known, and is counted as unknown, never as nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from caretune.errors import CaretuneError, StoppedError
from caretune.lineage import journal

CPU = "cpu"
"""Device of a run that used no GPU, and the key of its price."""
WATTS_PER_CORE = 10.0
"""Assumed power of a busy processor core, its share of memory and board included. The processors
alone: 4.4 W (AMD EPYC 7763, 280 W on 64 cores) to 6.8 W (Intel Xeon 8380, 270 W on 40 cores)."""
_JOULES_PER_KWH = 3.6e6
_SECONDS_PER_HOUR = 3600
_CONTROL_C = 130
_OUTCOMES = {0: "done", StoppedError.exit_code: "stopped", _CONTROL_C: "stopped"}


class Usage(msgspec.Struct, frozen=True):
    """What a run took, known at its end."""

    wall_s: float
    cpu_s: float
    """Of the process and the children it waited for."""
    peak_bytes: int
    """Most memory that the process held."""
    peak_child_bytes: int
    """Most memory that one of its children held; several may have worked side by side."""
    exit_code: int
    device: str = CPU
    """Name of the GPU, or `cpu`."""
    gpus: int = 1
    """How many such devices worked together."""
    gpu_peak_bytes: int | None = None
    """Most memory that the process reserved on its GPU."""
    gpu_utilisation: float | None = None
    """Mean share of the time in which the GPU computed, 0..1; one sample a second."""
    gpu_wh: float | None = None
    """Watt hours of one GPU: the sum of its power samples, one a second."""


class Entry(msgspec.Struct, frozen=True):
    """One line: a run that began (no usage), or that ended."""

    run: str
    """The same in both lines of a run, in no other."""
    stage: str
    """With the item of a matrix, such as train@moe_lora."""
    commit: str | None
    experiment: str | None
    start: Annotated[datetime, msgspec.Meta(tz=True)]
    """UTC."""
    usage: Usage | None = None

    @property
    def outcome(self) -> str:
        """Say how it ended: done, stopped (at a limit, or by Ctrl-C), failed or unfinished."""
        return "unfinished" if self.usage is None else _OUTCOMES.get(self.usage.exit_code, "failed")


class Ledger(NamedTuple):
    """All runs of a ledger."""

    entries: list[Entry]
    """One for each run, in the order in which they began."""
    unreadable: int
    """Lines that are no entry: a run was killed, or the disk filled up, inside a line."""


def append(path: Path, entry: Entry) -> None:
    """Add a line (see `journal.append`).

    Raises:
        OSError: The file cannot be written.
    """
    journal.append(path, entry)


def read(path: Path) -> Ledger:
    """Read a ledger; what is no entry is counted.

    Raises:
        CaretuneError: There is none.
    """
    if not path.is_file():
        raise CaretuneError(
            f"{path}: no cost ledger yet. `dvc repro` and `dvc exp run` begin one with the first "
            "stage that they run."
        )
    decoder = msgspec.json.Decoder(Entry)
    found: dict[str, Entry] = {}
    unreadable = 0
    for line in path.read_bytes().splitlines():
        try:
            entry = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            unreadable += bool(line.strip())
            continue
        if entry.usage is not None or entry.run not in found:
            found[entry.run] = entry
    return Ledger(sorted(found.values(), key=lambda entry: (entry.start, entry.run)), unreadable)


def price(device: str, prices: Mapping[str, float]) -> float | None:
    """Return the price of a device, US dollars an hour; None where none is named.

    Args:
        device: `cpu`, or the name of a GPU.
        prices: Price by `cpu` or part of a GPU's name; of several parts that fit, the longest counts.
    """
    if device == CPU:
        return prices.get(CPU)
    parts = [part for part in prices if part != CPU and part.lower() in device.lower()]
    return prices[max(parts, key=lambda part: (len(part), part))] if parts else None


def usd(seconds: float, device: str, prices: Mapping[str, float], count: int = 1) -> float | None:
    """Return what `count` devices cost in that time; None where the device has no price.

    Args:
        seconds: Wall time.
        device: `cpu`, or the name of a GPU.
        prices: US dollars an hour, by `cpu` or part of a GPU's name.
        count: Devices that worked side by side.
    """
    hourly = price(device, prices)
    return None if hourly is None else seconds / _SECONDS_PER_HOUR * hourly * count


def kwh(usage: Usage) -> float:
    """Return an estimate of the energy: CPU seconds times WATTS_PER_CORE, and the GPUs' samples."""
    gpu = (usage.gpu_wh or 0.0) * usage.gpus / 1000
    return usage.cpu_s * WATTS_PER_CORE / _JOULES_PER_KWH + gpu


class Sum(NamedTuple):
    """What several runs took together; runs of unknown or unpriced cost are counted beside it."""

    runs: int
    hours: float
    """Wall time."""
    cpu_hours: float
    peak_bytes: int
    """Most memory that one process of theirs held."""
    kwh: float
    """An estimate, see `kwh`."""
    usd: float
    """Of the runs whose device has a price."""
    unpriced: int
    failed: int
    stopped: int
    """At a window or budget, or by Ctrl-C; they go on when they are run again."""
    unfinished: int
    """Killed, or still at work: their time is not in the sums."""


def total(entries: Iterable[Entry], prices: Mapping[str, float]) -> Sum:
    """Add up runs.

    Args:
        entries: The runs.
        prices: US dollars an hour, by `cpu` or part of a GPU's name.
    """
    entries = list(entries)
    ended = [entry.usage for entry in entries if entry.usage is not None]
    costs = [usd(usage.wall_s, usage.device, prices, usage.gpus) for usage in ended]
    outcomes = [entry.outcome for entry in entries]
    return Sum(
        runs=len(entries),
        hours=sum(usage.wall_s for usage in ended) / _SECONDS_PER_HOUR,
        cpu_hours=sum(usage.cpu_s for usage in ended) / _SECONDS_PER_HOUR,
        peak_bytes=max((max(one.peak_bytes, one.peak_child_bytes) for one in ended), default=0),
        kwh=sum(map(kwh, ended)),
        usd=sum(cost for cost in costs if cost is not None),
        unpriced=costs.count(None),
        failed=outcomes.count("failed"),
        stopped=outcomes.count("stopped"),
        unfinished=outcomes.count("unfinished"),
    )
