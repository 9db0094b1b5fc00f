"""Prepared rows as the tensors of one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DataCollatorForSeq2Seq
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from caretune.training.rows import DOMAIN_COLUMN, LENGTHS_COLUMN, WEIGHT_COLUMN


@dataclass(frozen=True)
class Collator:
    """Pads rows on the right to one length, or joins packed rows to one without padding.

    Joined, the batch is one row, `(1, tokens)`, whose `position_ids` begin anew with each
    conversation and which has no attention mask: from that, and with no key-value cache (TRL's
    `compute_loss` sets `use_cache` to False), transformers 5.23 builds the block-diagonal mask of
    SDPA and eager attention, and flash attention takes the lengths. A mask of ones would let the
    conversations see each other.
    """

    tokenizer: Any
    """The base's tokenizer; padding is masked by place, so its padding token may be any."""

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch; `domain_ids` and `loss_weights` are `(batch,)`, joined `(1, tokens)`."""
        if LENGTHS_COLUMN not in rows[0]:
            return dict(DataCollatorForSeq2Seq(self.tokenizer)(list(rows)))
        join = DataCollatorForLanguageModeling(self.tokenizer.pad_token_id, padding_free=True)
        batch: dict[str, Any] = join(list(rows))
        for name in (DOMAIN_COLUMN, WEIGHT_COLUMN):
            if name in rows[0]:
                batch[name] = torch.tensor([[value for row in rows for value in row[name]]])
        return batch
