"""The design matrix of the heads: rows over the places that texts share, weighed by rarity."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped] # scipy ships no types

from caretune.safety import features
from caretune.safety.features import Row

_MIN_TEXTS = 2


class Matrix(NamedTuple):
    """Rows over the trained places: values (n, k), places (k,) int32, idf (k + 1,) float32."""

    values: sparse.csr_matrix
    places: NDArray[np.int32]
    idf: features.Values


def matrix(rows: Sequence[Row], bits: int) -> Matrix:
    """Keep the places that at least two texts share, and weigh them by rarity."""
    texts = np.zeros(1 << bits)
    for row in rows:
        texts[np.unique(row.places)] += 1
    places = np.nonzero(texts >= _MIN_TEXTS)[0]
    idf = np.zeros(len(places) + 1, dtype=np.float32)
    idf[1:] = np.log((1 + len(rows)) / (1 + texts[places])) + 1
    slots = np.zeros(1 << bits, dtype=np.int64)
    slots[places] = np.arange(1, len(places) + 1)
    indexes, values, ends = [], [], [0]
    for row in rows:
        found = slots[row.places]
        known = found > 0
        seen = Row(row.places[known], row.counts[known], row.block[known])
        values.append(features.scale(seen, idf[found[known]]))
        indexes.append(found[known] - 1)
        ends.append(ends[-1] + int(known.sum()))
    stacked = sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(indexes), ends), shape=(len(rows), len(places))
    )
    stacked.sum_duplicates()
    return Matrix(stacked, places.astype(np.int32), idf)
