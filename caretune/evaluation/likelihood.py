"""How surely a model expects the authored replies: response NLL and perplexity."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from caretune.evaluation.metric import Definition
from caretune.model import chat
from caretune.records import Message

RESPONSE_NLL = Definition(
    name="response_nll",
    unit="nats per token",
    direction="lower",
    numerator="nll_sum",
    denominator="tokens",
    description="Mean negative log-likelihood of assistant tokens, end of turn included.",
)
"""Of the authored assistant tokens; 0 = each was certain."""
PERPLEXITY = RESPONSE_NLL._replace(
    name="perplexity",
    unit="tokens",
    link=np.exp,
    description="exp of the response NLL, its interval too.",
)
"""Among how many equally likely tokens the model wavers; 1 = certain."""


Watch = Callable[[Sequence[int], Tensor], None]
"""Sees each forward pass: the places of its conversations, and 1 where a token is real, `(batch, seq)`."""


class Likelihood(NamedTuple):
    """Of one conversation: nats summed over its assistant tokens, and how many tokens."""

    nll_sum: float | None
    """None where no assistant token is in the model's context: unscored, not 0."""
    tokens: int


def score(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Sequence[Message]],
    batch_size: int,
    *,
    gates: Sequence[Sequence[float]] | None = None,
    watch: Watch | None = None,
) -> list[Likelihood]:
    """Return the likelihood of each conversation's assistant turns, in the order given.

    Args:
        model: A loaded base, or an adapter on one.
        tokenizer: The base's tokenizer.
        conversations: A conversation longer than the model's context loses its oldest messages.
        batch_size: Conversations a forward pass, grouped by length, never packed.
        gates: Of each conversation, one gate an expert, in place of what a MoE-LoRA's routers choose.
        watch: Is called after each forward pass.
    """
    longest = model.config.max_position_embeddings
    encoded = [chat.encode(tokenizer, messages, longest) for messages in conversations]
    order = sorted(range(len(encoded)), key=lambda place: (len(encoded[place].input_ids), place))
    found: dict[int, Likelihood] = {}
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        given = {} if gates is None else {"expert_gates": _rows(gates, places, model.device)}
        rows = [encoded[place] for place in places]
        attended = _padded([[1] * len(row.input_ids) for row in rows], 0, model.device)
        batch = _score_batch(model, rows, attended, tokenizer.pad_token_id, given)
        if watch is not None:
            watch(places, attended)
        found.update(zip(places, batch, strict=True))
    return [found[place] for place in range(len(encoded))]


@torch.inference_mode()
def _score_batch(
    model: Any,
    encoded: Sequence[chat.Encoded],
    attended: Tensor,
    pad: int,
    given: dict[str, Tensor],
) -> list[Likelihood]:
    ids = _padded([row.input_ids for row in encoded], pad, model.device)  # (batch, seq)
    said = _padded([row.assistant_mask for row in encoded], 0, model.device)[:, 1:].bool()
    logits = model(input_ids=ids, attention_mask=attended, **given).logits[:, :-1]
    # (batch, seq, vocab) -> (batch, seq - 1, vocab)
    nll = torch.zeros(said.shape, dtype=torch.float64, device=said.device)
    nll[said] = functional.cross_entropy(
        logits[said].float(), ids[:, 1:][said], reduction="none"
    ).double()
    sums, counts = nll.sum(dim=1).tolist(), said.sum(dim=1).tolist()
    return [
        Likelihood(total if count else None, count)
        for total, count in zip(sums, counts, strict=True)
    ]


def _padded(rows: Sequence[list[int]], fill: int, device: torch.device) -> Tensor:
    """Pad on the right: causal attention never looks there."""
    width = max(len(row) for row in rows)
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows], device=device)


def _rows(gates: Sequence[Sequence[float]], places: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([gates[place] for place in places], device=device)  # (batch, experts)
