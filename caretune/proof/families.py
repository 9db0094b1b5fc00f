"""The split taken again from the recorded families, and the families themselves held together."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from caretune.corpus import split as splitting
from caretune.errors import SourceError
from caretune.lineage.ledger import Edge
from caretune.proof import reading
from caretune.proof.project import Fault, Project
from caretune.proof.reading import Expert, Row

Search = Callable[[Path], Mapping[str, str]]
"""Finds the near-duplicates of a corpus again: row id -> family."""


def recorded(project: Project) -> dict[str, str]:
    """Return row id -> family as the split wrote it: in its rows, its expert set, its exits."""
    families = {row.id: str(row.family) for path in project.rows("split") for row in _rows(path)}
    for expert in reading.rows(project.experts, Expert):
        families[expert.conversation] = expert.family
    for edge in reading.rows(project.ledger("split"), Edge):
        if edge.exit == "expert_family":
            families[edge.source] = edge.detail
    return families


def faults(project: Project, families: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the rows whose split is not the one that their family and the seed give.

    Args:
        project: Where the files are.
        families: Row id -> family, as `recorded` reads them.
    """
    try:
        splits = splitting.cut(families, **project.cut._asdict())
    except SourceError as error:
        yield Fault(str(project.pipeline["split"]), str(error))
        return
    for path in project.rows("split"):
        wrong = [row.id for row in _rows(path) if not splits[row.id] == row.split == path.stem]
        if wrong:
            yield Fault(str(path), "rows in another split than their family gives", tuple(wrong))
    experts = reading.rows(project.experts, Expert)
    wrong = [expert.id for expert in experts if splits[expert.conversation] == "train"]
    if wrong:
        yield Fault(str(project.experts), "examples of families that belong to train", tuple(wrong))
    yield from _misnamed(project, families)
    yield from _children(project, families)


def searched(project: Project, families: Mapping[str, str], search: Search) -> Iterator[Fault]:
    """Yield the rows whose family is another when near-duplicates are looked for again."""
    (corpus,) = project.rows("corpus")
    again = search(corpus)
    wrong = sorted(row for row, family in again.items() if families.get(row, family) != family)
    if wrong:
        problem = "rows have another family when near-duplicates are looked for again"
        yield Fault(str(project.pipeline["split"]), problem, tuple(wrong))


def _misnamed(project: Project, families: Mapping[str, str]) -> Iterator[Fault]:
    """Yield the rows of families that do not bear the smallest id in them as their name."""
    smallest: dict[str, str] = {}
    for row, family in families.items():
        smallest[family] = min(row, smallest.get(family, row))
    bad = {family for family, row in smallest.items() if family != row}
    wrong = sorted(row for row, family in families.items() if family in bad) if bad else []
    if wrong:
        problem = "rows of a family that is not named by its smallest row"
        yield Fault(str(project.pipeline["split"]), problem, tuple(wrong))


def _children(project: Project, families: Mapping[str, str]) -> Iterator[Fault]:
    """Yield children without their parent's family, and labelled rows whose family changed."""
    (augmented,) = project.rows("augmented")
    for path in (augmented, *project.rows("labelled")):
        split = "train" if path == augmented else path.stem
        wrong = [
            row.id
            for row in _rows(path)
            if families.get(row.parent or row.id) != row.family or row.split != split
        ]
        if wrong:
            yield Fault(
                str(path), "rows with another family or split than they came with", tuple(wrong)
            )


def _rows(path: Path) -> Iterator[Row]:
    return reading.rows(path, Row)
