"""What is verified: where the files of one pipeline lie, and the settings that its split used."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretune.corpus.source import Source


class Cut(NamedTuple):
    """The settings of the split; rates are shares of the rows, 0..1."""

    seed: int
    train_rate: float
    validation_rate: float


class Project(NamedTuple):
    """Every place that a release stands on."""

    release: Path
    raw: Path
    """Folder of raw data files."""
    sources: Sequence[Source]
    """Those that ingest reads."""
    pipeline: Mapping[str, Path]
    """Name in the manifest -> file or folder: corpus, split, augmented, labelled, ledger, figures,
    evaluation, verdict, filters, base, adapters."""
    params: Path
    lock: Path
    code: Sequence[Path]
    """Folders of the source tree, in the order in which the release hashed them."""
    cut: Cut
    cache: Path | None = None
    """DVC's cache; None where there is none."""
    suppressed: Path | None = None
    """The suppression list; None where none is held against the rows."""
    revoked: Sequence[Path] = ()
    """Lists of revoked releases; one that is not there revokes none."""

    @property
    def places(self) -> dict[str, Path]:
        """What the manifest names files of: the pipeline, and the source tree by folder."""
        return {**self.pipeline, **{folder.name: folder for folder in self.code}}

    def rows(self, place: str) -> list[Path]:
        """Return the files of a place that hold rows: one, or train, validation and test."""
        path = self.pipeline[place]
        if place in {"split", "labelled"}:
            return [path / f"{split}.jsonl" for split in ("train", "validation", "test")]
        return [path]

    def ledger(self, stage: str) -> Path:
        """Return the ledger file of a stage."""
        return self.pipeline["ledger"] / f"{stage}.jsonl"

    @property
    def experts(self) -> Path:
        """The expert set."""
        return self.pipeline["split"] / "expert.jsonl"


class Fault(msgspec.Struct, frozen=True, order=True):
    """Something that is not as it was recorded."""

    file: str
    problem: str
    rows: tuple[str, ...] = ()
    """The rows or lines that are wrong; empty where the fault is the file's as a whole."""
