"""The law of the ledger at every stage, its roots and its figures, counted anew from the files."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from caretune.lineage import ledger
from caretune.lineage.ledger import Edge, Summary
from caretune.lineage.manifest import Manifest
from caretune.proof import reading
from caretune.proof.closure import STAGES
from caretune.proof.project import Fault, Project
from caretune.proof.reading import Expert, Row


class _Figures(msgspec.Struct):
    ledger: Summary


class _File(msgspec.Struct):
    count: int
    bytes: int


class _Manifest(msgspec.Struct):
    files: dict[str, _File]


def faults(project: Project, recorded: Manifest) -> Iterator[Fault]:
    """Yield rows that are lost or come from nowhere, and roots and counts that are not theirs."""
    for stage in STAGES:
        path = project.ledger(stage)
        summary = ledger.summarise(reading.rows(path, Edge))
        if recorded.ledger.get(stage) != summary.root:
            said = recorded.ledger.get(stage, "nothing")[:12]
            yield Fault(str(path), f"has root {summary.root[:12]}, the manifest says {said}")
        figures = project.pipeline["figures"] / f"{stage}.json"
        told = reading.value(figures, _Figures)
        if told is None or told.ledger != summary:
            yield Fault(str(figures), f"counts other rows, exits or another root than {path}")
        yield from _unaccounted(project, stage)
    yield from _split_manifest(project)


def _unaccounted(project: Project, stage: str) -> Iterator[Fault]:
    path = project.ledger(stage)
    rows: defaultdict[str, list[str]] = defaultdict(list)
    read, written = _ways(project, stage)
    for phrase in ledger.unaccounted(reading.rows(path, Edge), read, written):
        row, _, problem = phrase.partition(" ")
        rows[problem].append(row)
    for problem, found in sorted(rows.items()):
        yield Fault(
            str(path), f"does not tell the way of rows of its stage: {problem}", tuple(found)
        )


def _ways(project: Project, stage: str) -> tuple[Iterable[str], Iterable[str]]:
    """Return the ids that a stage read and those that it wrote, from its files."""
    train, *_ = project.rows("split")
    split, augmented = project.rows("split"), project.rows("augmented")
    if stage == "ingest":
        # What it read are lines of raw files; `ids` holds them against the ledger.
        lines = (edge.source for edge in reading.rows(project.ledger(stage), Edge))
        return lines, _ids(project.rows("corpus"))
    if stage == "split":
        experts = (expert.id for expert in reading.rows(project.experts, Expert))
        return _ids(project.rows("corpus")), chain(_ids(split), experts)
    if stage == "augment":
        return _ids([train]), _ids(augmented)
    return _ids([*split, *augmented]), _ids(project.rows("labelled"))


def _split_manifest(project: Project) -> Iterator[Fault]:
    """Yield the files of the split whose rows or bytes are not those of its manifest."""
    folder = project.pipeline["split"]
    told = reading.value(folder / "manifest.json", _Manifest)
    for name, file in sorted(told.files.items()) if told else ():
        path = folder / name
        count, size = _lines(path), path.stat().st_size if path.is_file() else 0
        if (count, size) != (file.count, file.bytes):
            yield Fault(
                str(path), f"has {count} rows in {size} bytes, {folder}/manifest.json says other"
            )


def _ids(paths: Iterable[Path]) -> Iterator[str]:
    return (row.id for path in paths for row in reading.rows(path, Row))


def _lines(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
