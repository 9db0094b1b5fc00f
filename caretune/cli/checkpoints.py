"""`caretune checkpoints`: what interrupted trainings go on from."""

import shutil
from collections.abc import Iterator, Mapping
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
    states = _states()
    for kept in _checkpoints(states):
        size = _bytes(kept.checkpoint.folder)
        table.add_row(
            kept.training,
            kept.state.folder.name,
            str(kept.checkpoint.step),
            f"{size / 1e6:.1f}",
            _sealed(kept),
        )
    if table.row_count:
        Console().print(table)
    if not _told(states) and not table.row_count:
        typer.echo("no training was interrupted: there is nothing to go on from")


@app.command()
def verify() -> None:
    """Check every checkpoint against its seal; exit code 1 where a byte differs.

    One that a training at work has not sealed yet is left out. A state whose fingerprint cannot be
    read is a fault too.
    """
    states = _states()
    kept = [one for one in _checkpoints(states) if not one.checkpoint.is_being_written]
    faults = [one for one in kept if one.checkpoint.fault]
    for one in faults:
        typer.echo(f"{one.checkpoint.folder}: {one.checkpoint.fault}")
    damaged = _told(states)
    more = f"; states with a fault: {damaged}" if damaged else ""
    typer.echo(f"{len(kept)} checkpoints, {len(faults)} with a fault{more}")
    raise typer.Exit(bool(faults or damaged))


@app.command()
def restore(
    training: Annotated[str, typer.Argument(help="moe_lora, lora or base, as `list` names it.")],
    step: Annotated[int, typer.Argument(help="Step of a checkpoint.")],
    to: Annotated[
        Path | None,
        typer.Option(help="Write the adapter as it was at that step here; the state stays."),
    ] = None,
    state: Annotated[
        str,
        typer.Option(metavar="PREFIX", help="First characters of the state, where several fit."),
    ] = "",
) -> None:
    r"""Set an unended training back to an earlier checkpoint.

    Later checkpoints are removed, and the next `dvc repro` goes on from this one, to the same bytes: a
    loss spike comes again, so change params instead. With --to nothing is set back: the adapter of
    that step is written, to be tried with a base. A damaged checkpoint,
    one of other params than params.yaml has now, and any of a training at work is refused. Params are
    what is compared: on other data, code or another machine the next `dvc repro` begins anew.

    \b
    Examples:
      caretune checkpoints restore moe_lora 400
      caretune checkpoints restore moe_lora 400 --state 3fa8
      caretune checkpoints restore moe_lora 400 --to models/tried
    """
    root = _roots().get(training)
    if root is None or not root.is_dir():
        raise _unknown(training, step)
    with resume.locked(root):
        one = _chosen(training, step, state)
        if to:
            _write(one.checkpoint.folder, to)
            typer.echo(f"{to}: the adapter at step {step}")
            return
        for later in one.state.checkpoints:
            if later.step > step:
                resume.remove(later.folder)
    typer.echo(
        f"{training}: `dvc repro` goes on from step {step}. Params were compared; on other data, "
        "code or another machine it begins anew"
    )


def _roots() -> dict[str, Path]:
    """Return training -> folder of its states."""
    adapters = layout.path("train", "--scratch").parent
    names = sorted({folder.name for folder in adapters.glob("*/")} - {"base"})
    return {"base": layout.path("base", "--scratch")} | {name: adapters / name for name in names}


def _states() -> dict[str, list[State]]:
    """Return training -> its states; every byte of their checkpoints is read."""
    return {training: resume.states(root) for training, root in _roots().items()}


def _checkpoints(states: Mapping[str, list[State]]) -> Iterator[_Kept]:
    """Yield the checkpoints, by training, state and step."""
    for training, found in states.items():
        for state in found:
            for checkpoint in state.checkpoints:
                yield _Kept(training, state, checkpoint)


def _sealed(kept: _Kept) -> str:
    if kept.checkpoint.is_being_written:
        return "being written"
    return kept.checkpoint.fault or ("yes, in a damaged state" if kept.state.fault else "yes")


def _told(states: Mapping[str, list[State]]) -> int:
    """Say what is wrong with each damaged state, and return how many there are."""
    damaged = [state for found in states.values() for state in found if state.fault]
    for state in damaged:
        typer.echo(f"{state.folder}: {state.fault}")
    return len(damaged)


def _unknown(training: str, step: int) -> LineageError:
    return LineageError(
        f"{training} has no checkpoint of step {step}. `caretune checkpoints list` names them."
    )


def _chosen(training: str, step: int, prefix: str) -> _Kept:
    """Return the one checkpoint of that step whose params are those of now, whole."""
    found = [
        one
        for one in _checkpoints({training: resume.states(_roots()[training])})
        if one.checkpoint.step == step and one.state.folder.name.startswith(prefix)
    ]
    if not found:
        raise _unknown(training, step)
    known = [one for one in found if not one.state.fault]
    if not known:
        raise LineageError(f"{found[0].state.folder}: {found[0].state.fault}")
    now = _params(training)
    fitting = [one for one in known if not resume.differing(_known(one.state), now)]
    if not fitting:
        resume.check(State(known[0].state.folder, _known(known[0].state), []), now)
    if len(fitting) > 1:
        names = ", ".join(one.state.folder.name for one in fitting)
        raise LineageError(
            f"{training}: step {step} is in {len(fitting)} states of these params, {names}. Choose "
            "one by --state."
        )
    (one,) = fitting
    if one.checkpoint.fault:
        raise LineageError(
            f"{one.checkpoint.folder}: {one.checkpoint.fault}. Choose another checkpoint."
        )
    return one


def _known(state: State) -> dict[str, Any]:
    """Return the params of a state's fields."""
    return {name: value for name, value in state.fields.items() if name.startswith("params.")}


def _params(training: str) -> dict[str, Any]:
    """Return what params.yaml says now of what shapes a training's weights, by dotted name."""
    params = loader.load(Path("params.yaml"))
    if training == "base":
        return resume.flat(params.base.model_dump(), "params.base.")
    return resume.flat(params.train.model_dump(exclude=set(OPERATION)), "params.train.")


def _bytes(folder: Path) -> int:
    """Return the size of a folder; files that vanish meanwhile count nothing."""
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _write(checkpoint: Path, to: Path) -> None:
    if to.exists():
        raise LineageError(f"{to}: exists already. Name a new folder.")
    files = [checkpoint / name for name in _ADAPTER]
    if not all(file.is_file() for file in files):
        raise LineageError(f"{checkpoint}: holds no adapter; only those of `train` do.")
    to.mkdir(parents=True)
    for file in files:
        shutil.copy(file, to)
