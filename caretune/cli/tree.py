"""The project as `caretune forget` looks into it: its runs, its files, and what they touched."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from caretune.cli import layout
from caretune.lineage import ledger, manifest, suppression
from caretune.lineage.suppression import Entry
from caretune.params import loader
from caretune.proof import forecast, forget, history
from caretune.proof.forecast import Stage
from caretune.proof.forget import Release, Touched
from caretune.proof.history import Run

_LOCK = "dvc.lock"
_HERE = "this tree"
_ID_CHARS = 32


class Tree:
    """A checkout with its history; everything is read when it is asked for, and once.

    Args:
        root: The project.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = history.cache_of(root)
        self._touched: dict[tuple[Entry, tuple[Path | None, ...]], Touched] = {}

    def path(self, stage: str, option: str) -> Path:
        """Return a path that dvc.yaml gives a stage."""
        return layout.path(stage, option, self.root)

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """dvc.yaml."""
        return dict(loader.read_yaml(self.root / "dvc.yaml"))

    @cached_property
    def pipeline(self) -> list[Stage]:
        """All stages with what they read and write."""
        return forecast.stages(self.described)

    @cached_property
    def sources(self) -> dict[str, Path]:
        """Source of params.ingest -> its file."""
        found = loader.load(self.root / "params.yaml").ingest.sources
        return {name: self.root / source.path for name, source in found.items()}

    @cached_property
    def taught(self) -> frozenset[str]:
        """Sources whose files the filters read too, and the sets of messages, by their file names."""
        (filters,) = [stage for stage in self.pipeline if stage.name == "filters"]
        read = {self.root / dep for dep in filters.deps if dep.endswith(".jsonl")}
        read.discard(self.suppressed)
        own = {path.stem for path in read - {*self.sources.values()}}
        return frozenset(own | {name for name, path in self.sources.items() if path in read})

    @cached_property
    def suppressed(self) -> Path:
        """The suppression list."""
        return self.path("ingest", "--suppressed")

    @cached_property
    def release(self) -> Path:
        """Folder of the release."""
        return self.path("release", "--out")

    @cached_property
    def ledgers(self) -> dict[str, Path]:
        """Stage -> its part of the row ledger."""
        stages = ("ingest", "split", "augment", "safety-label")
        return {stage: self.path(stage, "--ledger") for stage in stages}

    @cached_property
    def places(self) -> dict[str, str]:
        """Name of a file with rows -> its path from the root."""
        parts = {
            "corpus": self.path("ingest", "--out"),
            "split": self.path("split", "--out"),
            "augmented": self.path("augment", "--out"),
            "labelled": self.path("safety-label", "--out"),
        }
        found = {}
        for name in forget.FILES:
            part, _, inner = name.partition("/")
            path = parts[part] / f"{inner}.jsonl" if inner else parts[part]
            found[name] = path.relative_to(self.root).as_posix()
        return found

    @cached_property
    def present(self) -> Run:
        """The run that the lock file of the working tree records."""
        return history.present(self.root / _LOCK)

    @cached_property
    def runs(self) -> list[Run]:
        """Every run that is remembered: this tree's first, then git's, the newest first."""
        present = self.present
        here = history.git(self.root, "hash-object", _LOCK).strip()
        known = history.runs(self.root, _LOCK)
        commits = tuple(commit for run in known if run.lock == here for commit in run.commits)
        names = tuple(name for run in known if run.lock == here for name in run.names)
        first = present._replace(commits=commits, names=(_HERE, *names))
        return [first, *(run for run in known if run.lock != here)]

    def touched(self, entry: Entry, run: Run) -> Touched:
        """Return what a run did with the rows of an entry."""
        files = {
            name: history.find(run, self.cache, path, self.root)
            for name, path in self.places.items()
        }
        door = self.ledgers["ingest"].relative_to(self.root).as_posix()
        edges = history.find(run, self.cache, door, self.root)
        key = (entry, (*files.values(), edges))
        if key not in self._touched:  # most runs differ in code and params alone
            left = {} if edges is None else _turned_away(edges)
            self._touched[key] = forget.touched(entry, files, self.taught, left)
        return self._touched[key]

    def releases(self, entry: Entry) -> list[tuple[Run, Release]]:
        """Return each run that made a release, with what that learnt from an entry's rows."""
        folder = self.release.relative_to(self.root).as_posix()
        found = []
        for run in self.runs:
            if folder in run.outs:
                sealed = history.find(run, self.cache, f"{folder}/{manifest.NAME}", self.root)
                called = [*run.names] or [f"commit {name[:12]}" for name in run.commits[:1]]
                found.append((run, forget.released(sealed, called, self.touched(entry, run))))
        return found


def _turned_away(edges: Path) -> dict[str, str]:
    """Return row -> source of the rows that left at the door for another reason than the list."""
    return {
        edge.detail[:_ID_CHARS]: edge.source.rpartition(":")[0]
        for edge in ledger.stream(edges)
        if edge.exit not in {"", suppression.EXIT} and edge.detail[_ID_CHARS : _ID_CHARS + 1] == ":"
    }
