"""`caretune checkpoints`: what interrupted trainings go on from."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from caretune.cli import layout
from caretune.errors import LineageError
from caretune.lineage import resume
from caretune.lineage.resume import Checkpoint, State
from caretune.params import loader
from caretune.params.train import OPERATION

app = typer.Typer(
    help="What interrupted trainings go on from.\n\n"
    "A training that was killed, or that reached its window or budget, goes on from its newest "
    "whole checkpoint at the next `dvc repro`, and ends with the bytes it would have had. A state "
    "belongs to one fingerprint (data, params, code, base, machine) and goes away when its training "
    "ends; what a training published comes back by `git checkout` and `dvc checkout`.",
    no_args_is_help=True,
)

_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


class _Kept(NamedTuple):
    training: str
    state: State
    checkpoint: Checkpoint


@app.command("list")
def show() -> None:
    """List the checkpoints of unended trainings; every byte is read and compared with its seal."""
    table = Table("training", "state", "step", "MB", "bytes as sealed")
    for kept in _all():
        size = sum(
            file.stat().st_size for file in kept.checkpoint.folder.rglob("*") if file.is_file()
        )
        table.add_row(
            kept.training,
            kept.state.folder.name,
            str(kept.checkpoint.step),
            f"{size / 1e6:.1f}",
            kept.checkpoint.fault or "yes",
        )
    if table.row_count:
        Console().print(table)
    else:
        typer.echo("no training was interrupted: there is nothing to go on from")


@app.command()
def verify() -> None:
    """Check every checkpoint against its seal; exit code 1 where a byte differs."""
    kept = list(_all())
    faults = [one for one in kept if one.checkpoint.fault]
    for one in faults:
        typer.echo(f"{one.checkpoint.folder}: {one.checkpoint.fault}")
    typer.echo(f"{len(kept)} checkpoints, {len(faults)} with a fault")
    raise typer.Exit(bool(faults))


@app.command()
def restore(
    training: Annotated[str, typer.Argument(help="moe_lora, lora or base, as `list` names it.")],
    step: Annotated[int, typer.Argument(help="Step of a checkpoint.")],
    to: Annotated[
        Path | None,
        typer.Option(help="Write the adapter as it was at that step here; the state stays."),
    ] = None,
) -> None:
    """Set an unended training back to an earlier checkpoint, after a loss spike for example.

    Later checkpoints are removed, and the next `dvc repro` goes on from this one. With --to nothing
    is set back: the adapter of that step is written, to be tried with a base. A damaged checkpoint,
    and one of other params than params.yaml has now, is refused.
    """
    found = [one for one in _all() if (one.training, one.checkpoint.step) == (training, step)]
    if not found:
        raise LineageError(
            f"{training} has no checkpoint of step {step}. `caretune checkpoints list` names them."
        )
    for one in found:
        _check(one)
        if to:
            _write(one.checkpoint.folder, to)
            typer.echo(f"{to}: the adapter at step {step}")
            continue
        for later in one.state.checkpoints:
            if later.step > step:
                shutil.rmtree(later.folder)
        typer.echo(f"{training}: `dvc repro` goes on from step {step}")


def _all() -> Iterator[_Kept]:
    """Yield the checkpoints of all trainings, by training, state and step."""
    roots = {"base": layout.path("base", "--scratch")}
    adapters = layout.path("train", "--scratch").parent
    names = sorted(folder.name for folder in adapters.glob("*/") if folder.name not in roots)
    roots |= {name: adapters / name for name in names}
    for training, root in roots.items():
        for state in resume.states(root):
            for checkpoint in state.checkpoints:
                yield _Kept(training, state, checkpoint)


def _check(kept: _Kept) -> None:
    """Refuse a checkpoint that is damaged, or of other params than these."""
    if kept.checkpoint.fault:
        raise LineageError(
            f"{kept.checkpoint.folder}: {kept.checkpoint.fault}. Choose another checkpoint."
        )
    params = loader.load(Path("params.yaml"))
    now: dict[str, Any] = resume.flat(
        {
            "base": params.base.model_dump(),
            "train": params.train.model_dump(exclude=set(OPERATION)),
        },
        "params.",
    )
    known = {name: value for name, value in kept.state.fields.items() if name.startswith("params.")}
    section = next(iter(known)).split(".")[1]
    mine = {name: value for name, value in now.items() if name.split(".")[1] == section}
    resume.check(State(kept.state.folder, known, []), mine)


def _write(checkpoint: Path, to: Path) -> None:
    if to.exists():
        raise LineageError(f"{to}: exists already. Name a new folder.")
    files = [checkpoint / name for name in _ADAPTER]
    if not all(file.is_file() for file in files):
        raise LineageError(f"{checkpoint}: holds no adapter; only those of `train` do.")
    to.mkdir(parents=True)
    for file in files:
        shutil.copy(file, to)
