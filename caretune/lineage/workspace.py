"""The project and the run of DVC that a process belongs to, also in the workspace of an experiment.

`dvc exp run --temp` and the queue run the stages in a copy below .dvc/tmp/exps, which they remove.
What must outlive it lies in the project that the experiment was started in. DVC 3.67.1 names that
project to every stage in DVC_ROOT (dvc/repo/experiments/queue/base.py), the stage in DVC_STAGE, and
an experiment with the commit it began at in DVC_EXP_NAME and DVC_EXP_BASELINE_REV.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

STATE = Path(".caretune")
"""Folder of what one checkout keeps for itself, outside git and DVC: ledgers, sweeps."""


class Run(NamedTuple):
    """A run of a stage, as DVC started it."""

    root: Path
    """The project, never a copy of it."""
    stage: str
    """With the item of a matrix, such as train@moe_lora."""
    experiment: str | None
    """Name of the experiment; None for `dvc repro`."""
    commit: str | None
    """Commit that was checked out; files may have been changed since. None without git."""


def root() -> Path:
    """Return the project's own folder, the working directory where DVC did not start this process.

    DVC tells every stage in DVC_ROOT, and means the project itself where the stage runs in a copy
    below .dvc/tmp/exps (`--temp`, `--queue`).
    """
    return Path(os.environ.get("DVC_ROOT", ""))


def experiment() -> str:
    """Return the name of the DVC experiment that this process belongs to; empty where to none."""
    return os.environ.get("DVC_EXP_NAME", "")


def run() -> Run | None:
    """Return the run of a stage that this process is.

    Returns:
        None where no DVC started it, and in all processes of `torchrun` but the first.
    """
    stage = os.environ.get("DVC_STAGE")
    if not (stage and os.environ.get("DVC_ROOT")) or os.environ.get("RANK", "0") != "0":
        return None
    commit = os.environ.get("DVC_EXP_BASELINE_REV") or _head()
    return Run(root(), stage, experiment() or None, commit)


def _head() -> str | None:
    """Return the commit checked out here; 3 ms."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
