"""What a training will take, before it begins: memory, tokens, steps, time and money."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from caretune.errors import ModelError
from caretune.training import footprint

UTILISATION = 0.40
"""Share of a device's peak that is assumed where no speed was measured: a starting point, below the
0.578 of PaLM's hardware (arXiv 2204.02311, table 3), since an adapter's products are thin."""
RESERVE_RATE = 0.05
"""Share of the memory left free: the allocator's gaps. Assumed."""
_LENGTHS = (2048, 4096, 8192, 16384, 32768)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_GIB = 2**30


@dataclass(frozen=True)
class Device:
    """What a device is to a plan."""

    name: str
    memory_bytes: int
    peak_flops: float
    """FLOP/s of matrix products."""
    usd_per_hour: float | None = None
    count: int = 1
    """Devices side by side, each with all weights: they share the rows of a step."""


@dataclass(frozen=True)
class Schedule:
    """How much is trained."""

    steps: int
    """Optimiser steps."""
    accumulation: int
    """Forward passes an optimiser step."""
    window_hours: float | None = None


@dataclass(frozen=True)
class Plan:
    """The estimate of one training."""

    device: Device
    size: footprint.Shape
    way: footprint.Way
    schedule: Schedule
    memory: footprint.Memory
    work: footprint.Work
    epoch_tokens: int
    """Tokens of all train rows."""
    run_tokens: int
    """Tokens of all steps, padding left out."""
    tokens_per_second: float
    measured: bool
    """The speed is one that was measured; else it follows from `UTILISATION`."""

    @property
    def fits(self) -> bool:
        """Whether the step fits the memory of a device."""
        return self.memory.total <= (1 - RESERVE_RATE) * self.device.memory_bytes

    @property
    def seconds(self) -> float:
        """Time of all steps; loading and validations come on top."""
        return self.run_tokens / self.tokens_per_second

    @property
    def in_window(self) -> bool | None:
        """Whether all steps end within the window; None without one."""
        hours = self.schedule.window_hours
        return None if hours is None else self.seconds <= hours * 3600

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation: 1.0 = the device does nothing but what the mathematics asks."""
        peak = self.device.peak_flops * self.device.count
        return self.tokens_per_second * self.work.model / peak

    @property
    def cost_usd(self) -> float | None:
        """Price of all devices for that time; None where no price is given."""
        price = self.device.usd_per_hour
        return None if price is None else price * self.device.count * self.seconds / 3600


def plan(
    size: footprint.Shape,
    way: footprint.Way,
    schedule: Schedule,
    device: Device,
    lengths: Sequence[int],
    *,
    measured_tokens_per_second: float | None = None,
) -> Plan:
    """Estimate a training.

    Args:
        size: From `footprint.shape`.
        way: How a step is computed; its length is the limit, or the packed length.
        schedule: How much is trained.
        device: Where.
        lengths: Tokens of each train row; a longer one than the limit counts as cut to it.
        measured_tokens_per_second: Of an earlier run that was alike in all that shapes its speed.

    Raises:
        ModelError: There is no row.
    """
    if not lengths:  # as the training itself says (rows.prepare)
        raise ModelError("no rows to train on or to validate with. Run `dvc repro safety-label`.")
    cut = [min(length, way.length) for length in lengths]
    held = way if way.packing else way._replace(length=max(cut))
    rows = schedule.steps * schedule.accumulation * way.batch_size * device.count
    attended = footprint.attended(way, fmean(cut))
    work = footprint.work(size, attended, way.gradient_checkpointing)
    assumed = UTILISATION * device.peak_flops * device.count / work.hardware
    return Plan(
        device=device,
        size=size,
        way=way,
        schedule=schedule,
        memory=footprint.memory(size, held),
        work=work,
        epoch_tokens=sum(cut),
        run_tokens=rows * way.length if way.packing else round(rows * fmean(cut)),
        tokens_per_second=measured_tokens_per_second or assumed,
        measured=measured_tokens_per_second is not None,
    )


def lines(made: Plan) -> list[str]:
    """Say a plan in lines for a terminal, memory in GiB."""
    size, schedule, device = made.size, made.schedule, made.device
    share = size.trained_parameters / size.parameters
    parts = ", ".join(
        f"{name} {value / _GIB:.2f}" for name, value in made.memory._asdict().items() if value
    )
    speed = (
        "measured"
        if made.measured
        else f"assumed: {UTILISATION:.0%} of the device's peak; a small base gets less"
    )
    cost = "no price given" if made.cost_usd is None else f"{made.cost_usd:.2f} USD"
    fits = "fits" if made.fits else "DOES NOT FIT"
    devices = f" on {device.count} devices" if device.count > 1 else ""
    told = {
        "parameters": f"{size.parameters:,} in the base, {size.trained_parameters:,} trained "
        f"({share:.2%})",
        "memory": f"{made.memory.total / _GIB:.2f} GiB of {device.memory_bytes / _GIB:.1f} GiB on "
        f"{device.name}: {fits} (estimate)",
        "": parts,
        "tokens": f"{made.epoch_tokens:,} an epoch, {made.run_tokens:,} in the run "
        f"({made.run_tokens / made.epoch_tokens:.2f} epochs)",
        "steps": f"{schedule.steps} of {made.way.batch_size} x {schedule.accumulation} rows{devices}",
        "work": f"{made.work.model / 1e9:,.3g} GFLOP a token, {made.work.hardware / 1e9:,.3g} with "
        "what is computed twice",
        "speed": f"{made.tokens_per_second:,.0f} tokens/s, MFU {made.mfu:.0%} ({speed})",
        "time": f"{duration(made.seconds)} for the steps, without loading and validations",
        "cost": cost,
    }
    if made.in_window is not None:
        word = "ends inside" if made.in_window else "DOES NOT END inside"
        told["window"] = f"{word} {schedule.window_hours:g} h"
    return [f"{name:12} {words}" for name, words in told.items()]


class Option(NamedTuple):
    """A way to fill a device, and what a window then holds."""

    length: int
    """Tokens of a packed row."""
    gradient_checkpointing: bool
    batch_size: int
    """The quickest power of two that fits, up to 64; of equally quick ones the largest."""
    memory_bytes: int
    tokens_per_second: float
    window_tokens: int
    """Tokens that the window holds."""


def recommend(
    size: footprint.Shape,
    way: footprint.Way,
    device: Device,
    window_hours: float,
    *,
    row_length: float | None = None,
) -> list[Option]:
    """Return the quickest way that fits a device, for each length, with and without checkpointing.

    The quicker way of a length stands first; one that does not fit is left out. Packed rows are one
    row to SDPA, so that a larger micro-batch of them is slower.

    Args:
        size: From `footprint.shape`.
        way: Its dtype, attention, packing and dropout count.
        device: Where.
        window_hours: Hours of training.
        row_length: Mean tokens of a row inside a packed one; None: one row fills it.
    """
    found = []
    for length in _LENGTHS:
        for checkpointing in (False, True):
            tried = way._replace(length=length, gradient_checkpointing=checkpointing)
            fitting = []
            for rows in _BATCHES:
                filled = tried._replace(batch_size=rows)
                needed = footprint.memory(size, filled).total
                if needed > (1 - RESERVE_RATE) * device.memory_bytes:
                    break
                attended = footprint.attended(filled, row_length or length)
                work = footprint.work(size, attended, checkpointing)
                speed = UTILISATION * device.peak_flops * device.count / work.hardware
                tokens = int(speed * window_hours * 3600)
                fitting.append(Option(length, checkpointing, rows, needed, speed, tokens))
            if fitting:
                found.append(max(fitting, key=lambda o: (o.tokens_per_second, o.batch_size)))
    return found


def option_lines(options: Sequence[Option]) -> list[str]:
    """Say the ways that fit as a table, memory in GiB."""
    head = f"{'length':>7} {'checkpointing':>14} {'micro-batch':>12} {'GiB':>7} {'tokens/s':>9}"
    rows = [
        f"{o.length:>7} {'on' if o.gradient_checkpointing else 'off':>14} {o.batch_size:>12} "
        f"{o.memory_bytes / _GIB:>7.1f} {o.tokens_per_second:>9,.0f} {o.window_tokens:>15,}"
        for o in options
    ]
    return [f"{head} {'tokens a window':>15}", *rows]


def duration(seconds: float) -> str:
    """Say a time in the two units that fit it: `2 h 05 min`, `3 min 20 s`, `12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
