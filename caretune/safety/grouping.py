"""Which texts must stay in one fold: those of one situation, so that no head is judged on its own like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped] # scipy ships no types
from scipy.sparse.csgraph import (  # type: ignore[import-untyped] # as above
    connected_components,
)
from sklearn.model_selection import GroupKFold

from caretune.safety import features
from caretune.safety.design import Matrix
from caretune.safety.features import Row

# Cosine of the word features from which two texts are one situation; finds the paired replies.
_SAME_SITUATION = 0.4
_WORDS = 0


def groups(matrix: Matrix, rows: Sequence[Row], named: Sequence[str | None]) -> NDArray[np.int32]:
    """Join texts that share a situation: alike in the words of the context, or else of the text.

    Texts of one named group are joined whatever their words.
    """
    slots = np.full(int(matrix.places.max()) + 1, -1)
    slots[matrix.places] = np.arange(len(matrix.places))
    told = [row.places[_told(row)] for row in rows]
    kept = [found[found < len(slots)] for found in told]
    kept = [found[slots[found] >= 0] for found in kept]
    ends = np.cumsum([0, *(len(found) for found in kept)])
    columns = slots[np.concatenate(kept)]
    # Squared rarity: two texts that share "the" are not alike, two that share "letterbox" are.
    words = sparse.csr_matrix(
        (matrix.idf[columns + 1] ** 2, columns, ends), shape=(len(rows), len(matrix.places))
    )
    lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1
    words = sparse.diags(1 / lengths) @ words
    alike = words @ words.T
    alike.data[alike.data < _SAME_SITUATION] = 0
    alike.eliminate_zeros()
    alike = alike + _together(named)
    _, labels = connected_components(alike, directed=False)
    return np.asarray(labels)


def _together(named: Sequence[str | None]) -> sparse.csr_matrix:
    """Return (n, n) with a link from each text of a group to the group's first."""
    first: dict[str, int] = {}
    links = [
        (number, first.setdefault(name, number))
        for number, name in enumerate(named)
        if name is not None
    ]
    rows, columns = zip(*links, strict=True) if links else ((), ())
    return sparse.csr_matrix((np.ones(len(links)), (rows, columns)), shape=(len(named),) * 2)


def _told(row: Row) -> NDArray[np.bool_]:
    answers = row.block == features.CONTEXT_BLOCK
    return np.asarray(answers if answers.any() else row.block == _WORDS)


def folds(groups: NDArray[np.int32], count: int, seed: int) -> NDArray[np.int64]:
    """Deal whole groups to folds of about the same size; returns each text's fold, (n,)."""
    split = GroupKFold(count, shuffle=True, random_state=seed)
    fold = np.zeros(len(groups), dtype=np.int64)
    for number, (_, held) in enumerate(split.split(groups, groups=groups)):
        fold[held] = number
    return fold
