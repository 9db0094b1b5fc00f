"""The versions of the data: one line of figures each, kept in git, so that a trend can be drawn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from caretune import records
from caretune.errors import LineageError


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One recorded corpus and what its stages said of it."""

    name: str
    corpus: str
    """sha256 of corpus.jsonl."""
    rows: int
    sources: dict[str, int]
    """Source -> rows."""
    quality: dict[str, dict[str, float | None]]
    """Score -> mean `before` and `after` the door over all sources, as `means` gives them."""
    exits: dict[str, dict[str, int]]
    """Stage -> exit -> rows."""
    splits: dict[str, int]
    """Split, and `expert` -> rows or examples."""
    augmentation_ratio: float | None
    """Train rows and children for each train row: 1.0 = no children."""


def read(path: Path) -> list[Version]:
    """Return the recorded versions, oldest first; none where nothing was recorded yet.

    Raises:
        RecordError: A line is not a version.
    """
    return list(records.read(path, Version)) if path.exists() else []


def append(path: Path, version: Version) -> None:
    """Record a version behind the others.

    Raises:
        LineageError: Its name or its corpus is recorded already.
    """
    known = read(path)
    for other in known:
        if other.name == version.name:
            raise LineageError(f"{path}: has a version {other.name} already. Give another name.")
        if other.corpus == version.corpus:
            raise LineageError(
                f"{path}: this corpus is recorded already, as {other.name}. Change the data first."
            )
    records.write(path, [*known, version])


def describe(name: str, corpus: str, figures: Mapping[str, Mapping[str, Any]]) -> Version:
    """Return the version that figures tell of.

    Args:
        name: What people call it.
        corpus: sha256 of corpus.jsonl.
        figures: Stage -> content of its file of figures, as under reports/data.
    """
    ingest, split = figures["ingest"], figures["split"]
    splits = {part: found["rows"] for part, found in split["splits"].items()}
    exits = {stage: found.get("ledger", {}).get("exits", {}) for stage, found in figures.items()}
    return Version(
        name=name,
        corpus=corpus,
        rows=ingest["rows"]["total"],
        sources=ingest["rows"]["source"],
        quality=means(ingest.get("quality", {})),
        exits={stage: found for stage, found in exits.items() if found},
        splits=splits | {"expert": split["expert"]["found"]["examples"]},
        augmentation_ratio=figures["augment"].get("ratio"),
    )


def means(quality: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return score -> mean before and after the door over the rows of all sources that have it.

    0..1 with 1.0 = best; null where no row could be scored.

    Args:
        quality: Source -> figures, as `caretune.corpus.quality.tally` gives them.
    """
    sums: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for source in quality.values():
        for score, stages in source.get("scores", {}).items():
            into = sums.setdefault(score, {"before": [], "after": []})
            for stage, found in stages.items():
                if found["n"]:
                    into[stage].append((found["n"], found["mean"]))
    return {
        score: {stage: _mean(parts) for stage, parts in stages.items()}
        for score, stages in sorted(sums.items())
    }


def _mean(parts: list[tuple[int, float]]) -> float | None:
    rows = sum(n for n, _ in parts)
    return round(sum(n * mean for n, mean in parts) / rows, 4) if rows else None
