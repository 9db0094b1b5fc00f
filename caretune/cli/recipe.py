"""What a trial of a sweep runs on: the space, the sources and the params that it depends on."""

import copy
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from caretune.cli import layout
from caretune.cli.experiment import Files
from caretune.errors import CaretuneError, LineageError, ParamsError
from caretune.lineage import cost, digest, resume
from caretune.params import loader
from caretune.params.train import OPERATION, Train
from caretune.proof import history, stages
from caretune.proof.stages import Step
from caretune.training.outcome import Training
from caretune.training.sweep import space as spaces
from caretune.training.sweep.space import Space, Value

TARGET = "train@moe_lora"
_STAGE, _ADAPTER, _SCORING = "train", "moe_lora", "evaluate"
_RULER = (
    "train.max_length",
    "train.objectives.coherence_margin",
    "train.objectives.max_length",
    "train.objectives.safety_scale",
    "train.selection",
)
"""What the validation score is measured with: two trials that differ in it do not compare."""
_NO_GAIN = {
    "seed": "other seeds change the luck alone; the best of them is no better on other dialogues",
    "evaluations": "the best of more validations scores better by chance alone",
    "threads": "changes how the sums are rounded, not what is learnt",
    "device": "changes how the sums are rounded, not what is learnt",
    "attention": "changes how the sums are rounded, not what is learnt",
}
"""Values of `train` whose trials would differ by chance, and why each is refused."""
_SHOWN = 3
_PARAMS = Path("params.yaml")


def check_space(space: Space, path: Path, values: Mapping[str, Any]) -> dict[str, Value]:
    """Check that every value of a space can stand in params; return the present ones.

    Args:
        space: Dotted name -> `space.Range` or choices.
        path: The params file, as errors name it.
        values: What stands in it.

    Raises:
        ParamsError: Lists every name that cannot be swept and every value that params refuse.
    """
    faults: list[str] = []
    present: dict[str, Value] = {}
    for name, domain in sorted(space.items()):
        where = f"sweep.space.{name}"
        now = _value(values, name)
        if fault := _unfit(name, now):
            faults.append(f"{where}: {fault}")
            continue
        present[name] = now
        for value in spaces.values(domain):
            try:
                loader.check(path, _with(values, name, value))
            except ParamsError as error:
                faults += [f"{where}: {value!r} gives {fault}" for fault in error.faults]
        if not spaces.holds(domain, now):
            faults.append(
                f"{where}: must hold the present value {now!r}, the first trial's; widen it"
            )
    if faults:
        raise ParamsError(str(path), faults)
    return present


def check_source(root: Path = Path()) -> list[Step]:
    """Check that a copy of the workspace would run what lies here; return the stages of a trial.

    Raises:
        CaretuneError: There is no DVC.
        LineageError: A source file is untracked, a stage is frozen, or a trial would score on test.
    """
    if shutil.which("dvc") is None:
        raise CaretuneError(
            "dvc: not found. Install the extra `pipeline`, or set PATH to .venv/bin."
        )
    steps = _upstream(layout.steps(root))
    written = loader.read_yaml(root / "dvc.yaml")["stages"]
    names = {step.name.split("@")[0] for step in steps}
    if _SCORING in names:
        raise LineageError(
            f"dvc.yaml: {TARGET} needs {_SCORING}, so that every trial would read the test split. "
            "Take the dep out."
        )
    frozen = sorted(name for name in names if written[name].get("frozen"))
    if frozen:
        raise LineageError(
            f"dvc.yaml: {', '.join(frozen)} frozen, so that trials would not follow their params. "
            f"Run `dvc unfreeze {frozen[0]}`."
        )
    sources = _sources(layout.steps(root))
    untracked = history.git(root, "ls-files", "--others", "--exclude-standard", "--", *sources)
    if found := untracked.splitlines():
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise LineageError(
            f"{', '.join(found[:_SHOWN])}{more}: untracked, so that a trial, "
            "which runs in a copy, would run without. `git add` or remove it."
        )
    return steps


def settings(
    steps: Sequence[Step], values: Mapping[str, Any], root: Path = Path()
) -> dict[str, Any]:
    """Return what a trial depends on beside the space: digests of files, and params by name."""
    written = loader.read_yaml(root / "dvc.yaml")["stages"]
    files = {
        name: digest.sha256_file(root / name) for name in _sources(steps) if (root / name).is_file()
    }
    wanted = {
        name
        for step in steps
        for name in written[step.name.split("@")[0]].get("params", [])
        if isinstance(name, str)
    }
    flat = resume.flat(values, "")
    params = {
        name: value
        for name, value in flat.items()
        if any(name == one or name.startswith(f"{one}.") for one in wanted)
        and not name.startswith(tuple(f"train.{one}" for one in OPERATION))
    }
    return {"files": files, "params": params}


def check_metric(path: Path, metric: str) -> None:
    """Check that a training writes the figure that trials are judged by.

    Raises:
        ParamsError: It does not; the message lists those it writes.
    """
    fields = msgspec.structs.fields(Training)
    figures = [field.name for field in fields if field.type in {int, float}]
    if metric not in figures:
        fault = f"sweep.metric: expected one of {', '.join(figures)}, got {metric!r}"
        raise ParamsError(str(path), [fault])


def check_unlimited(path: Path, train: Train) -> None:
    """Check that no trial is stopped before its end, with all that it learnt.

    Raises:
        ParamsError: A training has a window or a budget of its own.
    """
    limits = ("window_hours", "max_cost_usd")
    faults = [
        f"train.{name}: would end trials that have no second try; set it to null for a sweep and "
        f"limit the sweep by sweep.{name}"
        for name in limits
        if getattr(train, name) is not None
    ]
    if faults:
        raise ParamsError(str(path), faults)


def usd_per_hour(train: Train, *, is_needed: bool) -> float | None:
    """Return the price of this machine: of its GPU where the training takes one, else of `cpu`.

    Args:
        train: Device and prices.
        is_needed: Whether a budget is to be kept; else a machine without a price is None.

    Raises:
        ParamsError: A budget is to be kept and no price is named.
    """
    device = cost.CPU if train.device == "cpu" else _gpu() or cost.CPU
    price = cost.price(device, train.prices_usd_per_hour)
    if price is None and is_needed:
        raise ParamsError(
            str(_PARAMS),
            [f"train.prices_usd_per_hour: no price for {device!r}, and a budget is set"],
        )
    return price


def _unfit(name: str, now: Any) -> str | None:
    """Say why a name cannot be swept, or None."""
    section, _, field = name.partition(".")
    if section != _STAGE or not field:
        return "only values of `train`; others change what the score is measured on"
    if field.split(".")[0] in OPERATION:
        return "shapes no weight, so that all its trials would be one"
    if field in _NO_GAIN:
        return _NO_GAIN[field]
    if any(name == one or name.startswith(f"{one}.") for one in _RULER):
        return "the score itself is measured with it, so that trials would not compare"
    if not isinstance(now, bool | int | float | str):
        return "no such number or word in params; check its spelling"
    return None


def _value(values: Any, name: str) -> Any:
    for part in name.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def _with(values: Mapping[str, Any], name: str, value: Any) -> Any:
    """Return a copy of nested values with one set anew."""
    changed = copy.deepcopy(values)
    *folders, last = name.split(".")
    inner: Any = changed
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return changed


def _upstream(steps: Sequence[Step]) -> list[Step]:
    """Return the target and every stage that makes something it needs, in dvc.yaml's order."""
    wanted = {TARGET}
    while True:
        reads = [read for step in steps if step.name in wanted for read in step.reads]
        more = {step.name for read in reads for step in stages.writers(steps, read)} - wanted
        if not more:
            return [step for step in steps if step.name in wanted]
        wanted |= more


def _sources(steps: Sequence[Step]) -> list[str]:
    """Return the paths that stages read and none makes, sorted."""
    reads = {read for step in steps for read in step.reads if "$" not in read}
    return sorted(read for read in reads if not stages.writers(steps, read))


def figures(root: Path = Path()) -> Files:
    """Return where a trial leaves its figures, as dvc.yaml names it."""
    out, timing = (
        layout.path(_STAGE, option, root).as_posix().replace("${item.adapter}", _ADAPTER)
        for option in ("--out", "--timing")
    )
    return Files(out, timing)


def _gpu() -> str:
    """Return the name of the first GPU; empty where there is none."""
    if shutil.which("nvidia-smi") is None:
        return ""
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
