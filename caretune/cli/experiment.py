"""Trials as DVC experiments: `dvc exp run --temp`, one at a time, and what each left."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from caretune import process, records
from caretune.errors import CaretuneError
from caretune.proof import history
from caretune.training.sweep.driver import Outcome
from caretune.training.sweep.space import Value

_STASH = "refs/exps/stash"
_TEMPORARY = Path(".dvc/tmp/exps")
_MOST_CHARS = 300
_PARTS = 5  # refs/exps/<2>/<38>/NAME


class Files(NamedTuple):
    """Where a trial leaves its figures, as dvc.yaml names them."""

    trained: str
    """The folder of the adapter, which holds training.json."""
    timing: str
    """JSON with the `seconds` of the training."""


class Experiments:
    """Runs trials of one sweep in copies of the workspace that DVC makes and removes."""

    def __init__(self, root: Path, folder: Path, target: str, metric: str, files: Files) -> None:
        self._root = root
        self._folder = folder
        self._target = target
        self._metric = metric
        self._files = files

    def run(self, experiment: str, params: Mapping[str, Value], timeout_s: float | None) -> Outcome:
        """Run one trial; what it says goes to a log beside the study."""
        begun = time.monotonic()
        code = self._call(experiment, params, timeout_s)
        seconds = time.monotonic() - begun
        if code is None:
            self._clear(experiment)
            reason = "stopped at the limit of the sweep (params.sweep)"
            return Outcome(None, seconds, reason=reason, cut=True)
        if code:
            said = reason_of(self._log(experiment).read_text(encoding="utf-8", errors="replace"))
            return Outcome(None, seconds, reason=f"exit code {code}: {said}")
        return self._outcome(experiment, seconds)

    def recover(self, experiment: str, begun: float) -> Outcome:
        """Return what a killed trial left, and remove its copy of the workspace."""
        self._clear(experiment)
        log = self._log(experiment)
        seconds = max(log.stat().st_mtime - begun, 0.0) if log.exists() else 0.0
        if self._commit(experiment):
            return self._outcome(experiment, seconds)
        return Outcome(None, seconds, reason="the sweep was killed while it ran", cut=True)

    def taken(self, sweep: str) -> list[str]:
        """Return the names of the experiments that a sweep of this name would overwrite."""
        name = re.compile(rf"{re.escape(sweep)}-\d{{3,}}")
        return sorted(found for found in self._named() if name.fullmatch(found))

    def _call(
        self, experiment: str, params: Mapping[str, Value], timeout_s: float | None
    ) -> int | None:
        """Return the exit code of DVC, or None where the time was up."""
        settings = [f"{name}={_told(value)}" for name, value in sorted(params.items())]
        command = ["dvc", "exp", "run", "--temp", "-n", experiment]
        command += [word for setting in settings for word in ("-S", setting)]
        log = self._log(experiment)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            trial = subprocess.Popen(
                [*command, self._target],
                cwd=self._root,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # No trial outlives a sweep that is killed: the next one would run beside it.
                preexec_fn=process.die_with_parent,  # noqa: PLW1509 - this process has one thread
            )
            try:
                return trial.wait(timeout_s)
            except subprocess.TimeoutExpired:
                return None
            finally:
                # Also on Ctrl-C: the terminal tells this process alone.
                if trial.poll() is None:
                    os.killpg(trial.pid, signal.SIGKILL)
                    trial.wait()

    def _outcome(self, experiment: str, seconds: float) -> Outcome:
        """Read the figures of a finished trial from its commit and the cache."""
        commit = self._commit(experiment)
        if commit is None:
            return Outcome(None, seconds, reason="DVC ended well and recorded no experiment")
        try:
            trained = self._trained(commit)
            timing = json.loads(history.git(self._root, "show", f"{commit}:{self._files.timing}"))
        except CaretuneError as error:
            return Outcome(None, seconds, reason=str(error))
        score = trained.get(self._metric)
        if isinstance(score, bool) or not isinstance(score, int | float):
            figures = sorted(name for name, value in trained.items() if isinstance(value, float))
            reason = (
                f"training.json has no number {self._metric!r} (params.sweep.metric), its figures "
                f"are {', '.join(figures) or 'none'}"
            )
            return Outcome(None, seconds, reason=reason)
        return Outcome(float(score), seconds, timing.get("seconds"))

    def _trained(self, commit: str) -> dict[str, Any]:
        lock = YAML(typ="safe").load(history.git(self._root, "show", f"{commit}:dvc.lock"))
        outs = history.Run("", (), (), lock["stages"]).outs
        cache = history.cache_of(self._root)
        members = cache.members(outs.get(self._files.trained, "")) or {}
        found: dict[str, Any] = records.read_json(cache.object(members.get("training.json", "")))
        return found

    def _commit(self, experiment: str) -> str | None:
        return self._named().get(experiment)

    def _named(self) -> dict[str, str]:
        """Return name -> commit of every finished experiment."""
        asked = ("for-each-ref", "--format=%(refname) %(objectname)", "refs/exps")
        lines = history.git(self._root, *asked).splitlines()
        refs = [line.split() for line in lines]
        return {
            name.rsplit("/", 1)[1]: commit for name, commit in refs if name.count("/") == _PARTS - 1
        }

    def _clear(self, experiment: str) -> None:
        """Remove what a killed `dvc exp run --temp` leaves; the next one would run it once more."""
        waiting = self._git_or_nothing("log", "-g", "--format=%gs", _STASH)
        if waiting and all(line.endswith(f":{experiment}") for line in waiting):
            history.git(self._root, "update-ref", "-d", _STASH)
        temporary = (self._root / _TEMPORARY).resolve()
        for file in sorted([*temporary.glob("run/*/*.run"), *temporary.glob("*/run/*/*.run")]):
            told = records.read_json(file)
            if told.get("name") == experiment:
                copy = Path(told["root_dir"]).resolve()
                if temporary in copy.parents:
                    shutil.rmtree(copy, ignore_errors=True)
                shutil.rmtree(file.parent)

    def _git_or_nothing(self, *arguments: str) -> list[str]:
        try:
            return history.git(self._root, *arguments).splitlines()
        except CaretuneError:
            return []

    def _log(self, experiment: str) -> Path:
        return self._folder / f"{experiment}.log"


def reason_of(log: str) -> str:
    """Return the last error that a run told, on one line: a stage's own sentence before DVC's."""
    lines = log.splitlines()
    for mark in ("error: ", "ERROR: "):
        places = [place for place, line in enumerate(lines) if line.startswith(mark)]
        if places:
            told = [lines[places[-1]].removeprefix(mark)]
            for line in lines[places[-1] + 1 :]:
                if not line.startswith("  "):
                    break
                told.append(line.strip())
            return " ".join(told)[:_MOST_CHARS]
    return "no error was told; see the log"


def _told(value: Value) -> str:
    """Return a value as `-S` reads it."""
    return json.dumps(value) if not isinstance(value, str) else value
