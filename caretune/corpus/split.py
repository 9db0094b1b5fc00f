"""The split: families in an order that only the seed decides, cut at 70, 15 and the rest."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

import msgspec

from caretune import records
from caretune.errors import SourceError
from caretune.lineage import digest
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, ExpertExample

_STAGE = "split"
SPLITS = ("train", "validation", "test")


def cut(
    families: Mapping[str, str], *, seed: int, train_rate: float, validation_rate: float
) -> dict[str, str]:
    """Return row id -> split, all rows of a family in one.

    Families are ranked by sha256 of (seed, family); the first floor(train_rate * n) rows are train,
    the next floor(validation_rate * n) validation, the rest test. A family that a cut would divide
    goes where its first row falls.

    Args:
        families: Row id -> family.
        seed: Decides the order.
        train_rate: Share of the rows, 0..1.
        validation_rate: Share of the rows, 0..1.

    Raises:
        SourceError: A split would be empty.
    """
    sizes = Counter(families.values())
    total = len(families)
    train = _rows(train_rate, total)
    held_out = train + _rows(validation_rate, total)
    place: dict[str, str] = {}
    before = 0
    for family in sorted(sizes, key=lambda name: digest.sha256_value([seed, name])):
        place[family] = SPLITS[(before >= train) + (before >= held_out)]
        before += sizes[family]
    for split in SPLITS:
        if split not in place.values():
            raise SourceError(
                f"the {split} split is empty: {total} rows make {len(sizes)} families, the largest "
                f"of {max(sizes.values(), default=0)} rows. Give it more data, or change "
                f"params.split (rates, near_duplicate_similarity)."
            )
    return {name: place[family] for name, family in families.items()}


def place(
    rows: Iterable[Conversation], families: Mapping[str, str], splits: Mapping[str, str]
) -> list[Conversation]:
    """Return the rows with their family and split written in."""
    return [
        msgspec.structs.replace(row, family=families[row.id], split=splits[row.id]) for row in rows
    ]


def leave(
    rows: Sequence[Conversation], examples: Sequence[ExpertExample]
) -> tuple[dict[str, list[Conversation]], list[Edge]]:
    """Take the families of the expert set out of the splits.

    Returns:
        The rows left in each split, and an edge a row: to itself, to its expert example, or out by
        `expert_family` where another row of its family is the example.
    """
    taken = {example.family for example in examples}
    example_of = {example.conversation: example.id for example in examples}
    left: dict[str, list[Conversation]] = {split: [] for split in SPLITS}
    edges: list[Edge] = []
    for row in rows:
        if row.id in example_of:
            edges.append(Edge(_STAGE, row.id, to=example_of[row.id], detail="expert"))
        elif row.family in taken:
            edges.append(Edge(_STAGE, row.id, exit="expert_family", detail=str(row.family)))
        else:
            edges.append(Edge(_STAGE, row.id, to=row.id, detail=str(row.split)))
            left[str(row.split)].append(row)
    return left, edges


def figures(rows: Sequence[Conversation]) -> dict[str, Any]:
    """Return the rows and families of a split, and its rows by domain and by severity."""
    families = Counter(row.family for row in rows)
    return {
        "rows": len(rows),
        "families": len(families),
        "largest_family": max(families.values(), default=0),
        "domain": records.count(row.domain for row in rows),
        "severity": records.count(map(records.crisis_severity, rows)),
    }


def author_overlap(rows: Iterable[Conversation]) -> float | None:
    """Return the share of held-out rows whose author also wrote in train; None without authors.

    1.0 = every one, 0.0 = none. Authors are no link between families; this figure says so.
    """
    known = [row for row in rows if row.person is not None]
    trained = {row.person for row in known if row.split == "train"}
    held_out = [row.person in trained for row in known if row.split != "train"]
    return sum(held_out) / len(held_out) if held_out else None


def _rows(rate: float, total: int) -> int:
    """Return floor(rate * total) of the rate as it is written: 0.15 is 15/100, not a float."""
    return floor(Fraction(str(rate)) * total)
