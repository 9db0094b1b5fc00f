"""The order in which rows are trained on: a pure function of lengths and seed."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

_PART = 50
"""Batches that are sorted by length together, as transformers' `group_by_length` has it."""


class Order(Sampler[int]):
    """Every row of a whole training, pass after pass, neighbours of about one length.

    One sampler for all passes: where a resumed run goes on depends on the number of rows alone, and
    not on a generator's state.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, count: int, seed: int) -> None:
        """Lay out the order.

        Args:
            lengths: Tokens of each row.
            batch_size: Rows an optimiser step.
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

    A shuffled pass is cut into parts of 50 batches, each part sorted by length, so that a batch holds
    little padding; then the batches are shuffled. Without that last step, which transformers'
    grouping leaves out, long dialogues and short notes come in runs of 50 steps, and a router forgets
    the domains of the one over the other (docs/log.md).
    """
    rows: list[int] = []
    generator = torch.Generator().manual_seed(seed)
    while len(rows) < count:
        shuffled = torch.randperm(len(lengths), generator=generator).tolist()
        size = _PART * batch_size
        for start in range(0, len(shuffled), size):
            shuffled[start : start + size] = sorted(
                shuffled[start : start + size], key=lambda place: -lengths[place]
            )
        batches = [shuffled[n : n + batch_size] for n in range(0, len(shuffled), batch_size)]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            rows += batches[place]
    return rows[:count]
