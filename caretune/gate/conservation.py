"""Conservation: no row is lost on its way, and none in crisis becomes milder.

Nothing here trusts a stage's own figures: each stage's rows are read and held against its part of
the ledger, against gold labels, and against each other. Files are read row by row; what stays in
memory is a `Row` of each, some 300 bytes, and the edges of one stage at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from sys import intern
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


class Row(NamedTuple):
    """What conservation, and whoever judges the same rows, needs to know of one."""

    id: str
    severity: Severity
    """Gold, else the filters'; none without a label."""
    parent: str | None
    split: str | None
    family: str | None
    filters: str | None
    """Digest of the bundle that labelled it."""


class Rows(NamedTuple):
    """Every row of the data stages, and the edges of each stage by the ledger's file names."""

    corpus: list[Row]
    split: list[Row]
    experts: list[str]
    """Ids of the expert examples."""
    augmented: list[Row]
    labelled: list[Row]
    edges: Callable[[str], Iterable[Edge]]
    """Gives the edges of a stage, anew at each call."""


def light(conversation: Conversation) -> Row:
    """Return what conservation needs to know of a row."""
    labels = conversation.filter
    return Row(
        intern(conversation.id),  # the same row stands in up to four files
        Severity(records.crisis_severity(conversation) or Severity.NONE),
        _interned(conversation.parent),
        conversation.split,
        _interned(conversation.family),
        _interned(labels.digest) if labels is not None else None,
    )


def _interned(name: str | None) -> str | None:
    return None if name is None else intern(name)


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
        corpus=[light(found) for found in records.read(corpus, Conversation)],
        split=[light(found) for found in read_splits(split)],
        experts=[found.id for found in records.read(split / "expert.jsonl", ExpertExample)],
        augmented=[light(found) for found in records.read(augmented, Conversation)],
        labelled=[light(found) for found in read_splits(labelled)],
        edges=lambda stage: ledger.stream(ledgers / f"{stage}.jsonl"),
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
    in_training = (row.id for row in rows.split if row.split == "train")
    ways: dict[str, tuple[Iterable[str], Iterable[str]]] = {
        "ingest": ((edge.source for edge in rows.edges("ingest")), _ids(rows.corpus)),
        "split": (_ids(rows.corpus), chain(_ids(rows.split), rows.experts)),
        "augment": (in_training, _ids(rows.augmented)),
        "safety_label": (chain(_ids(rows.split), _ids(rows.augmented)), _ids(rows.labelled)),
    }
    faults = [
        f"{stage}: {fault}"
        for stage, (read_ids, written_ids) in ways.items()
        for fault in ledger.unaccounted(rows.edges(stage), read_ids, written_ids)
    ]
    read_in_all = sum(len({edge.source for edge in rows.edges(stage)}) for stage in _STAGES)
    return rules.faultless("ledger_conserved", "rows_unaccounted", faults, read_in_all)


def crisis_conserved(rows: Rows) -> RuleResult:
    """Crisis rows in = crisis rows out + named exits, none with a lower severity than before.

    A crisis row has any severity above none by its gold label (the filters' where gold is silent).
    """
    faults = [
        *_lost("split", rows.corpus, rows.split, rows.edges("split")),
        *_lost(
            "safety_label",
            chain(rows.split, rows.augmented),
            rows.labelled,
            rows.edges("safety_label"),
        ),
        *_milder_children(rows),
    ]
    at_risk = sum(_risk(row) > 0 for row in rows.corpus)
    return rules.faultless("crisis_conserved", "crisis_rows_lost", faults, at_risk)


def _ids(rows: Iterable[Row]) -> Iterator[str]:
    return (row.id for row in rows)


def _risk(row: Row) -> int:
    return severity_rank(row.severity)


def _lost(
    stage: str, before: Iterable[Row], after: Iterable[Row], edges: Iterable[Edge]
) -> Iterator[str]:
    at_risk = {row.id: row for row in before if _risk(row)}
    found = {row.id: row for row in after if row.id in at_risk}
    left = {edge.source for edge in edges if edge.to != edge.source and edge.source in at_risk}
    for name, row in at_risk.items():
        if name not in found and name not in left:
            yield f"{stage}: crisis row {name} is gone without an exit"
        elif name in found and _risk(found[name]) < _risk(row):
            yield f"{stage}: crisis row {name} lost severity"


def _milder_children(rows: Rows) -> Iterator[str]:
    parents = {row.id: row for row in rows.split}
    for child in rows.augmented:
        parent = parents.get(child.parent or "")
        if parent is None or parent.split != "train":
            yield f"augment: row {child.id} has no parent in train"
        elif _risk(child) < _risk(parent):
            yield f"augment: row {child.id} is milder than its parent {parent.id}"
