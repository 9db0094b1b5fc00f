"""Trained linear heads as plain float32 arrays: one gather and one product a message, numpy only."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from caretune.errors import FilterError
from caretune.safety import features
from caretune.safety.features import Row, Values

Scores = Mapping[str, float]
"""Head name -> calibrated probability, 0.0 surely not, 1.0 surely so."""


class Heads(NamedTuple):
    """Heads over the places that at least two training texts share.

    places (k,) int32 ascending; idf (k + 1,) and weights (k + 1, heads) float32, whose row 0 is
    zero and stands for every place never trained; offsets (heads,) float32.
    """

    names: tuple[str, ...]
    bits: int
    places: NDArray[np.int32]
    idf: Values
    weights: Values
    offsets: Values


class Scorer:
    """Heads made ready for scoring: a table from hashed place to weight row."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._rows = np.zeros(1 << heads.bits, dtype=np.int32)
        self._rows[heads.places] = np.arange(1, len(heads.places) + 1, dtype=np.int32)

    @property
    def bits(self) -> int:
        """Size of the hashed space, as a power of two."""
        return self._heads.bits

    def score(self, row: Row) -> Scores:
        """Return every head's probability for one feature row."""
        rows = self._rows.take(row.places)  # (n,)
        known = np.flatnonzero(rows)  # (n,) -> (m,)
        rows = rows.take(known)
        seen = Row(row.places.take(known), row.counts.take(known), row.block.take(known))
        values = features.scale(seen, self._heads.idf.take(rows))  # (m,)
        logits = values @ self._heads.weights.take(rows, axis=0) + self._heads.offsets  # (heads,)
        chances = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
        return dict(zip(self._heads.names, chances.tolist(), strict=True))


def dump(heads: Heads) -> bytes:
    """Encode the arrays as safetensors; names and bits belong to the bundle's JSON."""
    arrays = {
        "places": heads.places,
        "idf": heads.idf,
        "weights": heads.weights,
        "offsets": heads.offsets,
    }
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def load(path: Path, names: tuple[str, ...], bits: int) -> Heads:
    """Read the arrays back.

    Raises:
        FilterError: The file is not safetensors, or its arrays do not fit the head names.
    """
    try:
        arrays = load_file(path)
        found = Heads(
            names, bits, arrays["places"], arrays["idf"], arrays["weights"], arrays["offsets"]
        )
    except (SafetensorError, KeyError) as error:
        raise FilterError(f"{path}: not the heads' arrays ({error}). Run `dvc checkout`.") from None
    if found.weights.shape != (len(found.places) + 1, len(names)):
        raise FilterError(
            f"{path}: weights have shape {found.weights.shape}, not one column a head. "
            "Run `dvc checkout --force`."
        )
    return found
