"""The order in which rows are trained on: a pure function of lengths and seed."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import get_length_grouped_indices


class Order(Sampler[int]):
    """Every row of a whole training, pass after pass, neighbours of about one length.

    One sampler for all passes: where a resumed run goes on depends on the number of rows alone, and
    not on a generator's state.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, count: int, seed: int) -> None:
        """Lay out the order.

        Args:
            lengths: Tokens of each row.
            batch_size: Rows a forward pass.
            count: Rows of the whole training.
            seed: Seed of the passes.
        """
        self._rows = order(lengths, batch_size, count, seed)

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def order(lengths: Sequence[int], batch_size: int, count: int, seed: int) -> list[int]:
    """Return the places of `count` rows, each row once before any comes again.

    Grouped as transformers groups them: a shuffled pass is cut into parts of 50 batches (fewer for
    few rows), each sorted by length, so that a batch holds little padding.
    """
    rows: list[int] = []
    generator = torch.Generator().manual_seed(seed)
    while len(rows) < count:
        rows += get_length_grouped_indices(list(lengths), batch_size, generator=generator)
    return rows[:count]
