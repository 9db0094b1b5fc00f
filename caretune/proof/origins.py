"""Back from a release or a file: rows by source and licence, and the stages that made it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from caretune.lineage import ledger
from caretune.proof import reading, trace
from caretune.proof.project import Project
from caretune.proof.reading import Expert, Row
from caretune.proof.stages import Step, data, readers, writers
from caretune.proof.trace import Node

_PLACES = ("split/train", "labelled/train", "labelled/validation", "labelled/test", "split/expert")
"""The files whose rows models and people see."""


def release(project: Project, *, shown: int | None) -> Node:
    """Return the tree of a release: what each of its parts saw, by source and licence.

    Args:
        project: Where the files are.
        shown: Ids listed for each source; None = all.
    """
    here = trace.release(project)
    seen = []
    for place in _PLACES:
        folder, _, split = place.partition("/")
        rows = list(sources(project, project.pipeline[folder] / f"{split}.jsonl", shown))
        seen.append(Node("file", place, to=[*trace.uses(project, place), *rows]))
    judged = trace.verdict(project)
    return Node(here.what, here.name, here.note, [Node("verdict", judged.name, judged.note), *seen])


def file(project: Project, path: Path, steps: Sequence[Step], *, shown: int | None) -> Node:
    """Return the tree of a file: its rows, what made it and what it goes into.

    Args:
        project: Where the files are.
        path: A file or folder of the pipeline, or a raw file.
        steps: The pipeline's stages.
        shown: Ids listed for each source; None = all.
    """
    rows = list(_lines(project, path, shown))
    if not rows and path.suffix == ".jsonl":
        rows = list(sources(project, path, shown))
    raw = [str(project.raw), *(str(source.path) for source in project.sources)]
    up = _up(steps, str(path), raw, set())
    down = _down(steps, str(path), set())
    told = rows or [Node("rows", "unknown", "the ledger follows no row of this file")]
    return Node(
        "file", str(path), to=[*told, Node("made by", "", to=up), Node("goes into", "", to=down)]
    )


def sources(project: Project, path: Path, shown: int | None) -> Iterator[Node]:
    """Yield the sources of the rows of a file, with licence, counts and some ids.

    A child counts for the source of its parent, an example for that of its conversation.
    """
    ids: dict[str, list[str]] = defaultdict(list)
    if path == project.experts:
        known = [(each.id, each.conversation) for each in reading.rows(path, Expert)]
    else:
        known = [(each.id, each.parent or each.id) for each in reading.rows(path, Row)]
    for name, root in known:
        ids[root].append(name)
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    (corpus,) = project.rows("corpus")
    for row in reading.rows(corpus, Row):
        if row.id in ids:
            found[row.source, row.license].append(row.id)
    for (source, licence), roots in sorted(found.items()):
        names = [name for root in roots for name in ids[root]]
        note = f"{licence}: {len(names)} rows from {len(roots)} of the corpus"
        yield Node("source", source, note, [Node("row", name) for name in names[:shown]])


def _lines(project: Project, path: Path, shown: int | None) -> Iterator[Node]:
    """Yield the sources that a raw file or folder is, with what became of their lines."""
    for source in project.sources:
        if source.path != path:
            continue
        edges = ledger.stream(project.ledger("ingest"))
        ways = [edge for edge in edges if edge.source.rpartition(":")[0] == source.name]
        came = sum(1 for way in ways if way.to)
        note = f"{source.license}: {came} rows came in, {len(ways) - came} left"
        lines = [Node("raw line", way.source, way.to or way.exit) for way in ways[:shown]]
        yield Node("source", source.name, note, lines)


def _up(steps: Sequence[Step], path: str, raw: Sequence[str], met: set[str]) -> list[Node]:
    nodes = []
    for step in writers(steps, path):
        if step.name in met:
            nodes.append(Node("stage", step.name, "as above"))
            continue
        met.add(step.name)
        reads = data(steps, step, raw)
        to = [Node("file", name, to=_up(steps, name, raw, met)) for name in reads]
        nodes.append(Node("stage", step.name, to=to))
    return nodes


def _down(steps: Sequence[Step], path: str, met: set[str]) -> list[Node]:
    nodes = []
    for step in readers(steps, path):
        if step.name in met:
            nodes.append(Node("stage", step.name, "as above"))
            continue
        met.add(step.name)
        to = [Node("file", name, to=_down(steps, name, met)) for name in step.writes]
        nodes.append(Node("stage", step.name, to=to))
    return nodes
