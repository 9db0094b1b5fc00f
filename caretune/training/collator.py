"""Rows of token ids as padded batches, each row's domain beside it."""

from collections.abc import Sequence
from typing import Any

import torch
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

DOMAIN_COLUMN = "domain_ids"


class DomainCollator:
    """TRL's collator, which knows only ids and labels, plus the domain of each row."""

    def __init__(self, pad_token_id: int) -> None:
        self._collate = DataCollatorForLanguageModeling(pad_token_id=pad_token_id)

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return `(batch, seq)` ids, mask and labels, and `(batch,)` domain ids where rows have them."""
        batch = self._collate(list(rows))
        if DOMAIN_COLUMN in rows[0]:
            batch[DOMAIN_COLUMN] = torch.tensor([row[DOMAIN_COLUMN] for row in rows])
        return batch
