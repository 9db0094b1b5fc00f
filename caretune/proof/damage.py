"""Which rows of an altered file were altered: held against their copies in files that are whole."""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from pathlib import Path

import msgspec

from caretune.lineage import digest
from caretune.lineage.ledger import Edge
from caretune.proof import reading
from caretune.proof.closure import STAGES
from caretune.proof.project import Fault, Project
from caretune.records import Conversation, ExpertExample

_HOLD_ROWS = ("corpus", "split", "augmented", "labelled")


def faults(project: Project, altered: AbstractSet[str]) -> Iterator[Fault]:
    """Yield the lines and rows that are wrong in altered files; a file that tells none is left out.

    Args:
        project: Where the files are.
        altered: Files whose bytes are not those of the manifest.
    """
    rows = [path for place in _HOLD_ROWS for path in project.rows(place)]
    kinds: dict[Path, type] = dict.fromkeys(rows, Conversation)
    kinds |= {project.experts: ExpertExample}
    kinds |= {project.ledger(stage): Edge for stage in STAGES}
    hit = {path: kind for path, kind in kinds.items() if str(path) in altered and path.is_file()}
    for path, kind in hit.items():
        yield from _listed(path, "lines that are no rows", reading.damage(path, kind))
    for path in (path for path, kind in hit.items() if kind is Edge):
        pairs = pairwise(reading.rows(path, Edge))
        out_of_order = [later.source for former, later in pairs if _key(later) < _key(former)]
        yield from _listed(path, "edges out of order", out_of_order)
    copies = {path for path, kind in hit.items() if kind is Conversation}
    if copies:
        yield from _differing(copies, [path for path in rows if str(path) not in altered])
    (corpus,) = project.rows("corpus")
    if project.experts in hit:
        wrong = _unlike_corpus(project.experts, corpus)
        yield from _listed(project.experts, f"examples that say other than {corpus}", wrong)


def _listed(path: Path, problem: str, rows: Iterable[str]) -> Iterator[Fault]:
    if found := tuple(rows):
        yield Fault(str(path), problem, found)


def _conversations(path: Path) -> Iterator[Conversation]:
    return reading.rows(path, Conversation)


def _differing(altered: AbstractSet[Path], whole: Sequence[Path]) -> Iterator[Fault]:
    """Yield the rows of altered files that differ from their copies in files that are whole."""
    copy = {row.id: _core(row) for path in whole for row in _conversations(path)}
    for path in sorted(altered):
        rows = _conversations(path)
        wrong = [row.id for row in rows if copy.get(row.id, core := _core(row)) != core]
        yield from _listed(path, "rows that differ from their copies in other files", wrong)


def _core(row: Conversation) -> str:
    """Return a digest of what no stage after the door changes."""
    return digest.sha256_value(msgspec.structs.replace(row, family=None, split=None, filter=None))


def _unlike_corpus(experts: Path, corpus: Path) -> list[str]:
    """Return the examples that are no beginning of their conversation."""
    examples = list(reading.rows(experts, ExpertExample))
    wanted = {example.conversation for example in examples}
    said = {row.id: row.messages for row in _conversations(corpus) if row.id in wanted}
    return [
        example.id
        for example in examples
        if [(turn.role, turn.content) for turn in said.get(example.conversation, [])][
            : len(example.context) + 1
        ]
        != [
            *((turn.role, turn.content) for turn in example.context),
            ("assistant", example.reply),
        ]
    ]


def _key(edge: Edge) -> tuple[str, str, str, str]:
    return edge.source, edge.to, edge.exit, edge.detail
