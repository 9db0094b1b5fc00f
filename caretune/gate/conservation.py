"""Conservation: no row is lost on its way, and none in crisis becomes milder.

Nothing here trusts a stage's own figures: each stage's rows are read and held against its part of
the ledger, against gold labels, and against each other.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretune import records
from caretune.gate import rules
from caretune.gate.verdict import RuleResult
from caretune.lineage import ledger
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, ExpertExample
from caretune.safety.taxonomy import Severity, severity_rank

_SPLITS = ("train", "validation", "test")
_STAGES = ("ingest", "split", "augment", "safety_label")


class Rows(NamedTuple):
    """Every row of the data stages, and the edges of each stage by the ledger's file names."""

    corpus: list[Conversation]
    split: list[Conversation]
    experts: list[ExpertExample]
    augmented: list[Conversation]
    labelled: list[Conversation]
    edges: dict[str, list[Edge]]


def read(corpus: Path, split: Path, augmented: Path, labelled: Path, ledgers: Path) -> Rows:
    """Read the rows that the data stages wrote.

    Args:
        corpus: corpus.jsonl.
        split: Folder with a file for each split and expert.jsonl.
        augmented: augmented.jsonl.
        labelled: Folder with a file for each split.
        ledgers: Folder with a ledger file for each stage.
    """
    return Rows(
        corpus=list(records.read(corpus, Conversation)),
        split=list(read_splits(split)),
        experts=list(records.read(split / "expert.jsonl", ExpertExample)),
        augmented=list(records.read(augmented, Conversation)),
        labelled=list(read_splits(labelled)),
        edges={name: ledger.read(ledgers / f"{name}.jsonl") for name in _STAGES},
    )


def read_splits(folder: Path) -> Iterator[Conversation]:
    """Yield the rows of train, validation and test, each under the split of its file."""
    for name in _SPLITS:
        for row in records.read(folder / f"{name}.jsonl", Conversation):
            # The file decides what is trained on, whatever the row says of itself.
            yield row if row.split == name else msgspec.structs.replace(row, split=name)


def ledger_conserved(rows: Rows) -> RuleResult:
    """Rows read = rows written + named exits at each stage, row by row.

    What ingest read are its sources' lines, which only its own ledger names.
    """
    in_training = [row.id for row in rows.split if row.split == "train"]
    ways: dict[str, tuple[Iterable[str], Iterable[str]]] = {
        "ingest": ([edge.source for edge in rows.edges["ingest"]], _ids(rows.corpus)),
        "split": (_ids(rows.corpus), [*_ids(rows.split), *(row.id for row in rows.experts)]),
        "augment": (in_training, _ids(rows.augmented)),
        "safety_label": ([*_ids(rows.split), *_ids(rows.augmented)], _ids(rows.labelled)),
    }
    faults = [
        f"{stage}: {fault}"
        for stage, (read_ids, written_ids) in ways.items()
        for fault in ledger.unaccounted(rows.edges[stage], read_ids, written_ids)
    ]
    read_in_all = sum(len({edge.source for edge in edges}) for edges in rows.edges.values())
    return rules.faultless("ledger_conserved", "rows_unaccounted", faults, read_in_all)


def crisis_conserved(rows: Rows) -> RuleResult:
    """Crisis rows in = crisis rows out + named exits, none with a lower severity than before.

    A crisis row has any severity above none by its gold label (the filters' where gold is silent).
    """
    faults = [
        *_lost(rows, "split", rows.corpus, rows.split),
        *_lost(rows, "safety_label", [*rows.split, *rows.augmented], rows.labelled),
        *_milder_children(rows),
    ]
    at_risk = sum(_risk(row) > 0 for row in rows.corpus)
    return rules.faultless("crisis_conserved", "crisis_rows_lost", faults, at_risk)


def _ids(rows: Iterable[Conversation]) -> list[str]:
    return [row.id for row in rows]


def _risk(row: Conversation) -> int:
    return severity_rank(records.crisis_severity(row) or Severity.NONE)


def _lost(
    rows: Rows, stage: str, before: Sequence[Conversation], after: Sequence[Conversation]
) -> Iterator[str]:
    left = {edge.source for edge in rows.edges[stage] if edge.to != edge.source}
    found = {row.id: row for row in after}
    for row in before:
        if not _risk(row):
            continue
        if row.id not in found and row.id not in left:
            yield f"{stage}: crisis row {row.id} is gone without an exit"
        elif row.id in found and _risk(found[row.id]) < _risk(row):
            yield f"{stage}: crisis row {row.id} lost severity"


def _milder_children(rows: Rows) -> Iterator[str]:
    parents = {row.id: row for row in rows.split}
    for child in rows.augmented:
        parent = parents.get(child.parent or "")
        if parent is None or parent.split != "train":
            yield f"augment: row {child.id} has no parent in train"
        elif _risk(child) < _risk(parent):
            yield f"augment: row {child.id} is milder than its parent {parent.id}"
