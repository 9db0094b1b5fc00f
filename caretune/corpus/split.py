"""The split: families in an order that only the seed decides, cut at 70, 15 and the rest."""

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from math import floor
from typing import Any, NamedTuple

import msgspec

from caretune import records
from caretune.corpus import expert
from caretune.corpus.conservation import Graded
from caretune.corpus.contents import Contents
from caretune.corpus.expert import Candidate
from caretune.corpus.rows import Shard
from caretune.errors import SourceError
from caretune.lineage import digest
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, ExpertExample
from caretune.safety.taxonomy import Severity

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


class Placed(NamedTuple):
    """A shard of rows after the split."""

    lines: dict[str, list[tuple[str, bytes]]]
    """Split -> its rows, id and canonical JSON, without the families of the expert set."""
    examples: list[ExpertExample]
    contents: dict[str, Contents]
    """Split -> what its rows hold."""
    at_risk: list[Graded]
    """Rows of a crisis, wherever they went."""


class Place:
    """Writes family and split into shards of rows, and takes out what goes to the expert set.

    Args:
        families: Row id -> family.
        splits: Row id -> split.
        drawn: Family -> the row of it that gives an expert example.
        seed: Chooses the replies of the examples.
    """

    def __init__(
        self,
        families: Mapping[str, str],
        splits: Mapping[str, str],
        drawn: Mapping[str, str],
        seed: int,
    ) -> None:
        self._families, self._splits, self._drawn, self._seed = families, splits, drawn, seed

    def __call__(self, shard: Shard) -> Placed:
        """Return what becomes of a shard."""
        placed = Placed(
            {name: [] for name in SPLITS}, [], {name: Contents() for name in SPLITS}, []
        )
        for row in shard.rows():
            whole = place(row, self._families, self._splits)
            severity = records.crisis_severity(row)
            if severity not in {None, Severity.NONE}:
                placed.at_risk.append(Graded(row.id, severity))
            split = str(whole.split)
            drawn = self._drawn.get(self._families[row.id])
            if drawn is None:
                placed.lines[split].append((row.id, records.encode(whole) + b"\n"))
                placed.contents[split].add(whole)
            elif drawn == row.id:
                placed.examples.append(expert.example(whole, self._seed))
        return placed


def place(
    row: Conversation, families: Mapping[str, str], splits: Mapping[str, str]
) -> Conversation:
    """Return a row with its family and split written in."""
    return msgspec.structs.replace(row, family=families[row.id], split=splits[row.id])


def candidates(
    shard: Shard, families: Mapping[str, str], splits: Mapping[str, str]
) -> list[Candidate]:
    """Return the rows of a shard that could give an expert example; both tables in its rows' order."""
    within = list(islice(splits.values(), shard.position, shard.position + shard.size))
    held_out = shard.rows(lambda position: within[position - shard.position] != "train")
    found = (expert.candidate(place(row, families, splits)) for row in held_out)
    return [one for one in found if one is not None]


def edges(
    families: Mapping[str, str],
    splits: Mapping[str, str],
    drawn: Mapping[str, str],
    examples: Mapping[str, str],
) -> Iterator[Edge]:
    """Yield the ledger: a row to itself, to its expert example, or out by `expert_family`.

    Args:
        families: Row id -> family.
        splits: Row id -> split.
        drawn: Family -> the row of it that gives an expert example.
        examples: Row id -> id of its example.
    """
    for name, family in families.items():
        if family not in drawn:
            yield Edge(_STAGE, name, to=name, detail=splits[name])
        elif drawn[family] == name:
            yield Edge(_STAGE, name, to=examples[name], detail="expert")
        else:
            yield Edge(_STAGE, name, exit="expert_family", detail=family)


def figures(
    contents: Contents, families: Mapping[str, str], splits: Mapping[str, str], name: str
) -> dict[str, Any]:
    """Return the rows and families of a split, and its rows by domain and by severity."""
    sizes = Counter(own for row, own in families.items() if splits.get(row) == name)
    rows = contents.figures()["rows"]
    return {
        "rows": rows["total"],
        "families": len(sizes),
        "largest_family": max(sizes.values(), default=0),
        "domain": rows["domain"],
        "severity": rows["severity"],
    }


def author_overlap(contents: Mapping[str, Contents]) -> float | None:
    """Return the share of held-out rows whose author also wrote in train; None without authors.

    1.0 = every one, 0.0 = none. Authors are no link between families; this figure says so.
    """
    trained = contents["train"].persons
    held_out = [contents[name].persons for name in SPLITS if name != "train"]
    known = sum(count for persons in held_out for count in persons.values())
    again = sum(n for persons in held_out for person, n in persons.items() if trained[person])
    return again / known if known else None


def _rows(rate: float, total: int) -> int:
    """Return floor(rate * total) of the rate as it is written: 0.15 is 15/100, not a float."""
    return floor(Fraction(str(rate)) * total)
