"""Inclusion proofs: that one edge stands in a ledger of a release, shown with the root alone.

A proof is one line of JSON of under 1 KB at 608,458 rows. Who holds it and the release's manifest
needs no ledger, no data and no trust in who made either.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import ledger, merkle
from caretune.lineage.ledger import Edge

_HASH_BYTES = 32


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audit path of one edge of a ledger (RFC 6962 section 2.1.1)."""

    edge: Edge
    index: int
    """Its line in the ledger, from 0."""
    size: int
    """Lines of the ledger."""
    path: str
    """The siblings from the leaf to the root, 32 bytes each, in base85 (RFC 1924's letters)."""


def prove(path: Path, wanted: Callable[[Edge], bool]) -> Iterator[Proof]:
    """Yield a proof for every wanted edge of a ledger file, in its order."""
    found: list[tuple[int, Edge]] = []

    def leaves() -> Iterator[bytes]:
        for index, edge in enumerate(ledger.stream(path)):
            if wanted(edge):
                found.append((index, edge))
            yield records.encode(edge)

    tree = merkle.levels(leaves())
    for index, edge in found:
        siblings = b"".join(merkle.path(tree, index))
        yield Proof(edge, index, len(tree[0]), base64.b85encode(siblings).decode())


def read(path: Path) -> list[Proof]:
    """Read a file of proofs, one a line.

    Raises:
        RecordError: A line is no proof.
    """
    return list(records.read(path, Proof))


def check(proofs: Iterable[Proof], roots: Mapping[str, str]) -> int:
    """Check proofs against the ledger roots of a release and return how many they are.

    Args:
        proofs: As `prove` made them.
        roots: Stage -> Merkle root, from the manifest.

    Raises:
        LineageError: A proof does not lead to its stage's root; or there is none.
    """
    count = 0
    for count, proof in enumerate(proofs, start=1):
        stage = proof.edge.stage.replace("-", "_")  # as the ledger's file is called
        root = roots.get(stage)
        if root is None:
            raise LineageError(
                f"proof {count}: the release has no ledger of stage {stage!r}. Check the release "
                f"that the proof was made for."
            )
        leaf = records.encode(proof.edge)
        if merkle.root_from(leaf, proof.index, proof.size, _siblings(proof)) != root:
            raise LineageError(
                f"proof {count}: the edge from {proof.edge.source} is not in the {stage} ledger "
                f"of this release, whose root is {root[:12]}. The proof was altered, or is of "
                f"another release."
            )
    if not count:
        raise LineageError("no proof in the file. Make one with `caretune trace ROW --proof`.")
    return count


def _siblings(proof: Proof) -> list[bytes]:
    try:
        joined = base64.b85decode(proof.path)
    except ValueError:
        return []
    return [joined[at : at + _HASH_BYTES] for at in range(0, len(joined), _HASH_BYTES)]
