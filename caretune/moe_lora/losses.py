"""What the routers are trained by, beside the language model's own loss."""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  the name that torch's own documentation uses
from torch import Tensor

from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.router import top_k_gates

UNSUPERVISED = -100
"""Domain id of a row or token that may go to any expert."""


class RouterLosses(NamedTuple):
    """Losses and figures of one forward pass, means over real tokens and routers; scalars."""

    load_balance: Tensor
    """1 = every expert gets the same load and probability; `experts / top_k` = all tokens choose the same
    ones, and the first with certainty."""
    z: Tensor
    """Mean square of the log of the summed exponentials; 0 = logits that need no softmax."""
    domain: Tensor | None
    """Cross-entropy in nats of the router against the domain, weighted by `domain_balance`; None =
    nothing supervised."""
    total: Tensor
    """The losses with their weights, to be added to the model's loss."""
    domain_accuracy: Tensor | None
    """Share of supervised tokens whose likeliest expert is their domain's; 1 = all."""
    expert_load: Tensor
    """Share of the gates that each expert got, `(experts,)`, sums to 1; 1 = it got all of every token.
    (A share of the choices would end at `1 / top_k`.)"""


def router_losses(
    logits: Tensor,
    config: MoeLoraConfig,
    attention_mask: Tensor | None = None,
    domain_ids: Tensor | None = None,
) -> RouterLosses:
    """Return the router losses of one forward pass.

    Load balance is equation 4 of Switch Transformers (arXiv 2101.03961) with the share of top-k
    choices, z is equation 5 of ST-MoE (arXiv 2202.08906), domain is plain cross-entropy.

    Args:
        logits: Router logits, `(routers, batch, seq, experts)`.
        config: Gives `top_k` and the weights.
        attention_mask: 0 = padding, which counts nowhere; `(batch, seq)`, or longer on the left
            where a cache holds earlier tokens. None = no padding.
        domain_ids: Expert of each row `(batch,)` or token `(batch, seq)`; -100 = unsupervised.

    Raises:
        ModelError: The mask or the ids have another shape, or an id is no expert.
    """
    rows = logits.shape[1:3]
    real = _real_tokens(attention_mask, logits).flatten()  # (batch, seq) -> (batch * seq)
    tokens = logits.flatten(1, 2)[:, real]  # -> (routers, real tokens, experts)
    probabilities = tokens.softmax(-1)
    choices = torch.zeros_like(tokens).scatter(-1, tokens.topk(config.top_k).indices, 1.0)
    load = choices.mean(1) / config.top_k  # -> (routers, experts)
    gates = top_k_gates(tokens.detach(), config.top_k)
    experts = logits.shape[-1]
    load_balance = experts * (load * probabilities.mean(1)).sum(-1).mean()
    z = tokens.logsumexp(-1).square().mean()
    total = config.load_balance_weight * load_balance + config.z_weight * z

    domain = accuracy = None
    if domain_ids is not None:
        wanted = _per_token(domain_ids, rows, experts).flatten()[real]
        supervised = wanted != UNSUPERVISED
        if supervised.any():
            chosen = tokens[:, supervised]  # -> (routers, supervised tokens, experts)
            target = wanted[supervised].expand(chosen.shape[:-1])
            balance = config.domain_balance
            weight = None if balance is None else torch.tensor(balance, device=chosen.device)
            domain = F.cross_entropy(chosen.flatten(0, 1), target.flatten(), weight=weight)
            accuracy = (chosen.argmax(-1) == target).float().mean()
            total = total + config.domain_weight * domain
    return RouterLosses(load_balance, z, domain, total, accuracy, gates.mean((0, 1)))


def _real_tokens(attention_mask: Tensor | None, logits: Tensor) -> Tensor:
    """Return True where a token is real, `(batch, seq)`."""
    batch, length = logits.shape[1:3]
    if attention_mask is None:
        return torch.ones(batch, length, dtype=torch.bool, device=logits.device)
    if attention_mask.dim() != 2 or attention_mask.shape[0] != batch:  # noqa: PLR2004  (batch, seq)
        raise ModelError(
            f"attention_mask has shape {tuple(attention_mask.shape)}, router losses need (batch, "
            f"seq) with batch {batch} to leave padding out. Pass a mask of ones and zeros."
        )
    return attention_mask[:, -length:].to(logits.device).bool()


def _per_token(domain_ids: Tensor, rows: torch.Size, experts: int) -> Tensor:
    """Return one domain id a token, `(batch, seq)`."""
    if tuple(domain_ids.shape) not in ((rows[0],), tuple(rows)):
        raise ModelError(
            f"domain_ids has shape {tuple(domain_ids.shape)}, expected ({rows[0]},) or "
            f"{tuple(rows)}. Give one id a row or one a token."
        )
    known = (domain_ids == UNSUPERVISED) | ((domain_ids >= 0) & (domain_ids < experts))
    if not known.all():
        wrong = domain_ids[~known][0].item()
        raise ModelError(
            f"domain_ids holds {wrong}, there are {experts} experts. Use 0 to {experts - 1}, or "
            f"{UNSUPERVISED} for any expert."
        )
    return domain_ids if domain_ids.dim() > 1 else domain_ids.unsqueeze(1).expand(*rows)
