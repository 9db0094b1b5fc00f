"""`caretune sweep`: trials of other training params, scored on validation, one after the other."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from caretune import records
from caretune.errors import CaretuneError, LineageError, ParamsError
from caretune.lineage import odometer, resume, workspace
from caretune.params import loader, sweep

app = typer.Typer(
    help="Try other values of `train`, one training after the other, scored on the validation "
    "split.\n\nEach trial is a DVC experiment; a sweep that was killed goes on by the same command. "
    "What to try, how often and for how much stands in section `sweep` of params.yaml; "
    "docs/ops/sweeps.md explains it.\n\n\b\nExamples:\n  caretune sweep tpe rates\n"
    "  caretune sweep show rates\n  caretune sweep apply rates",
    no_args_is_help=True,
)

_STUDIES = workspace.STATE / "sweeps"
_NOTEBOOK, _REPORTS = Path("notebooks/sweep.py"), Path("reports")
_WIDTH = 140
_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="Of the sweep, and first part of its experiments'.")
]
_File = Annotated[
    Path,
    typer.Option(help="File whose section `sweep` says what to try; all else is of params.yaml."),
]
_PARAMS = Path("params.yaml")


@app.command()
def grid(name: _Name, params: _File = _PARAMS) -> None:
    """Try every point of the grid over the space, in a shuffled order, up to sweep.trials."""
    _sweep("grid", name, params)


@app.command()
def random(name: _Name, params: _File = _PARAMS) -> None:
    """Try values drawn at random from the space."""
    _sweep("random", name, params)


@app.command()
def tpe(name: _Name, params: _File = _PARAMS) -> None:
    """Try values that look promising after the earlier trials (tree-structured Parzen estimator)."""
    _sweep("tpe", name, params)


@app.command()
def show(
    name: _Name,
    kind: Annotated[
        Literal["table", "json"], typer.Option("--format", help="A table, or JSON for programs.")
    ] = "table",
) -> None:
    """List the trials of a sweep: scores, what they cost, and why some failed."""
    found = summary(name)
    if kind == "json":
        typer.echo(records.pretty(found).decode(), nl=False)
        return
    _print(_table(found))
    for line in _findings(found):
        typer.echo(line)


@app.command()
def report(name: _Name) -> None:
    """Render the sweep's page: what matters, what it costs, what failed."""
    from caretune.reports import render

    out = _REPORTS / f"sweep-{name}"
    records.write_json(out.with_name(f"{out.name}.json"), summary(name))
    render.render(_NOTEBOOK, out, {"reports": _REPORTS.as_posix(), "sweep": name})
    typer.echo(f"{out}.html: written")


@app.command()
def apply(name: _Name) -> None:
    """Bring the best trial's params and adapter into the workspace (`dvc exp apply`)."""
    found = summary(name)
    if found.best is None:
        raise CaretuneError(f"sweep {name}: no trial is complete. Run the sweep again first.")
    experiment = found.trials[found.best].experiment
    done = subprocess.run(["dvc", "exp", "apply", experiment], check=False)
    if done.returncode:
        raise CaretuneError(
            f"dvc exp apply {experiment}: exit code {done.returncode}; its own words stand above."
        )
    typer.echo(f"{experiment} is applied. `dvc repro` now reads the test split once, for it alone.")


def summary(name: str) -> Any:
    """Return what a sweep came to so far (`caretune.training.sweep.summary.Summary`)."""
    from caretune.training.sweep import study, summary

    reads = odometer.count(workspace.root() / odometer.READS)
    return summary.summarise(study.read(_STUDIES / name, name), name, reads)


def _sweep(sampler: Literal["grid", "random", "tpe"], name: str, path: Path) -> None:
    p, values = loader.load(_PARAMS), loader.read_yaml(_PARAMS)
    wanted = _wanted(path, values)
    from caretune.cli import recipe
    from caretune.cli.experiment import Experiments
    from caretune.training.sweep import driver, study
    from caretune.training.sweep.space import Range

    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise CaretuneError(f"{name!r}: no name for a sweep. Use letters, digits, - and _.")
    space = {
        key: Range(**domain.model_dump()) if isinstance(domain, sweep.Range) else domain
        for key, domain in wanted.space.items()
    }
    recipe.check_metric(path, wanted.metric)
    recipe.check_unlimited(path, p.train)
    present = recipe.check_space(space, path, values)
    steps = recipe.check_source()
    plan = driver.Plan(
        name=name,
        sampler=sampler,
        space=space,
        default=present,
        trials=wanted.trials,
        startup_trials=wanted.startup_trials,
        seed=wanted.seed,
        usd_per_hour=recipe.usd_per_hour(p.train, is_needed=wanted.max_cost_usd is not None),
        max_cost_usd=wanted.max_cost_usd,
        window_s=None if wanted.window_hours is None else wanted.window_hours * 3600,
    )
    fixed = {
        "sampler": sampler,
        **wanted.model_dump(include={"seed", "startup_trials", "metric", "direction", "space"}),
        **recipe.settings(steps, values),
    }
    runner = Experiments(Path(), _STUDIES / name, recipe.TARGET, wanted.metric, recipe.figures())
    taken = runner.taken(name)
    folder = _STUDIES / name
    if taken and not folder.exists():
        raise LineageError(
            f"sweep {name}: DVC has experiments of that name, {taken[0]} the first, and their study "
            f"is gone. Choose another name, or `dvc exp remove` them."
        )
    with study.opened(folder, name, wanted.direction, resume.flat(fixed, "")) as opened:
        reason = driver.sweep(opened, plan, runner, time.monotonic, _tell)
    found = summary(name)
    _print(_table(found))
    for line in (f"stopped: {reason}", *_findings(found)):
        typer.echo(line)
    if found.best is None:
        raise typer.Exit(1)


def _wanted(path: Path, values: Mapping[str, Any]) -> sweep.Sweep:
    """Return the section `sweep` of a file, checked beside the other sections of params.yaml."""
    read = loader.read_yaml(path)
    tried = read.get("sweep") if isinstance(read, Mapping) else None
    if tried is None:
        raise ParamsError(str(path), ["sweep: missing; it says what to try"])
    return loader.check(path, {**values, "sweep": tried}).sweep


def _tell(trial: Any) -> None:
    score = "failed" if trial.score is None else f"{trial.score:.4f}"
    reason = f"  {trial.reason}" if trial.reason else ""
    typer.echo(f"{trial.experiment}  {score}  {trial.seconds:.0f} s  {_params(trial)}{reason}")


def _table(found: Any) -> Table:
    table = Table(title=f"sweep {found.name}", title_justify="left")
    for heading in ("trial", "score", "against default", "seconds", "USD"):
        table.add_column(heading, justify="right")
    table.add_column("values")
    table.add_column("note", overflow="fold")
    scores = {trial.number: trial.score for trial in found.trials}
    default = scores.get(found.default)
    for trial in found.trials:
        apart = None if None in {trial.score, default} else trial.score - default
        notes = [
            "best" if trial.number == found.best else "",
            "default" if trial.is_default else "",
            "" if trial.retry_of is None else f"retry of {trial.retry_of}",
            trial.reason,
        ]
        table.add_row(
            str(trial.number),
            _figure(trial.score, ".4f") if trial.state != "failed" else "failed",
            _figure(apart, "+.4f"),
            _figure(trial.seconds, ".0f"),
            _figure(trial.cost_usd, ".4f"),
            escape(_params(trial)),
            escape("; ".join(note for note in notes if note)),
        )
    return table


def _findings(found: Any) -> list[str]:
    failed = sum(trial.state == "failed" for trial in found.trials)
    complete = sum(trial.score is not None for trial in found.trials)
    unpriced = sum(bool(trial.seconds) and trial.cost_usd is None for trial in found.trials)
    more = f", {unpriced} trials without a price" if unpriced else ""
    lines = [f"{complete} complete, {failed} failed, {found.spent_usd:.4f} US dollars{more}"]
    if found.best is not None:
        best = found.trials[found.best]
        lines.append(
            f"best: {best.experiment}, {_params(best)}. `caretune sweep apply {found.name}` takes it."
        )
    if complete > 1:
        lines.append(
            f"`against default` is optimistic: the best of {complete} on the same validation rows. "
            "Train best and default with other seeds before you rely on it."
        )
    reads = [f"{count} of {test[:12]}" for test, count in found.test_reads.items()]
    return [*lines, f"reads of the test split in this checkout: {', '.join(reads) or 'none'}"]


def _params(trial: Any) -> str:
    told = {name.rsplit(".", 1)[-1]: value for name, value in trial.params.items()}
    return " ".join(
        f"{name}={f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in told.items()
    )


def _figure(value: float | None, form: str) -> str:
    return "\N{EN DASH}" if value is None else format(value, form)


def _print(table: Table) -> None:
    console = Console()
    Console(width=max(console.width, _WIDTH)).print(table)
