"""What an adapter learns beside the next token of a reply: fit replies, and replies that belong.

Both compare mean log-probabilities a token of whole replies, so that a long reply weighs no more
than a short one. What happens at a step depends on the seed, the step and the weights alone: a
resumed training draws and computes what the uninterrupted one did.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.records import Conversation
from caretune.safety.examples import LabelledMessage
from caretune.training import contrasts

_PROBES = 128
"""At most so many validation contexts that coherence is measured on; each costs two replies."""
_WITHOUT_GRADIENT = 4
"""Times the rows of a training batch in one without gradients, which keeps no activations."""


@dataclass(frozen=True)
class Weights:
    """How much each objective counts; the fields of params.train.objectives say more."""

    crisis_weight: float
    """Of a reply token in a row of a crisis; put into the rows by `rows.prepare`."""
    safety_weight: float
    safety_scale: float
    """Steepness a nat a token."""
    coherence_weight: float
    coherence_margin: float
    """Nats a token."""
    interval: int
    """Steps from one batch to the next."""
    batch_size: int
    """Replies of one objective's batch, half of each kind and at least one."""
    max_length: int
    """Longest context and reply, in tokens."""

    @property
    def are_on(self) -> bool:
        """Whether anything is learnt beside the weighted next token."""
        return self.safety_weight > 0 or self.coherence_weight > 0


def prepare(
    tokenizer: Any,
    weights: Weights,
    train_conversations: Sequence[Conversation],
    validation_conversations: Sequence[Conversation],
    replies: Sequence[LabelledMessage],
    seed: int,
) -> "Objectives":
    """Encode what the objectives compare; the order of the files counts for nothing.

    Args:
        tokenizer: The base's tokenizer.
        weights: How much each objective counts.
        train_conversations: Contexts and replies that coherence is learnt from.
        validation_conversations: Those that it is measured on.
        replies: Labelled replies (task `therapeutic`); () where safety counts for nothing.
        seed: Seed of the draws and of what is held out.

    Raises:
        ModelError: An objective with a weight has nothing to learn from.
    """
    learnt, held_out = contrasts.parted(tokenizer, replies, weights.max_length, seed)
    if weights.safety_weight and not learnt.fit:
        raise ModelError(
            "params.train.objectives.safety_weight is above 0, but there are no labelled replies; "
            "give the file of labelled replies or set it to 0."
        )
    talks = contrasts.talks(train_conversations)
    if weights.coherence_weight and not contrasts.has_families(talks):
        raise ModelError(
            "params.train.objectives.coherence_weight is above 0, but the train split has replies "
            "of fewer than two families; add conversations or set it to 0."
        )
    probed = contrasts.talks(validation_conversations)
    probes = [
        contrasts.pair(
            tokenizer,
            row,
            probed,
            contrasts.generator(seed, "probe", row.id),
            weights.max_length,
        )
        for row in contrasts.sample(probed, _PROBES, seed)
        if contrasts.has_families(probed)
    ]
    return Objectives(tokenizer, weights, talks, probes, learnt, held_out, seed)


class Objectives:
    """The objectives of one training. Build it with `prepare`.

    Safety is an unpaired preference: no two labelled replies share a context. For a reply whose
    mean log-probability a token the adapter changed by d against the base, the loss is
    `-log sigmoid(scale * d)` where the reply is appropriate and `-log sigmoid(-scale * d)` where
    it is not: log 2 = nothing learnt, 0 = told apart without doubt. It is KTO (arXiv 2402.01306)
    without its reference point, which estimates the KL divergence from mismatched replies; with
    means in place of sums over tokens, as SimPO (arXiv 2405.14734) has them; and with the
    logarithm of the sigmoid, as in DPO, whose gradient does not vanish on the worst replies. In
    place of the reference point each batch holds as many replies of one kind as of the other, so
    that making all replies less likely gains nothing.

    Coherence is a hinge: `relu(margin - (own - other))` with the mean log-probabilities a token of
    a context's own reply and of one from another family; 0 = the own one leads by the margin.
    """

    def __init__(
        self,
        tokenizer: Any,
        weights: Weights,
        talks: Sequence[Conversation],
        probes: Sequence[contrasts.Pair],
        learnt: contrasts.Replies,
        held_out: contrasts.Replies,
        seed: int,
    ) -> None:
        self._tokenizer = tokenizer
        self._weights = weights
        self._talks = talks
        self._probes = probes
        self._learnt, self._held_out = learnt, held_out
        self._seed = seed
        self._base: tuple[Tensor, Tensor] | None = None

    def reference(self, model: Any) -> None:
        """Take the base's mean log-probability of the labelled replies, unless it was taken.

        Args:
            model: A PEFT model, not wrapped; its adapter is off meanwhile.
        """
        if self._base is None:
            used = self._learnt.rows if self._weights.safety_weight else []
            with model.disable_adapter():
                learnt = self._scores(model, used)
                self._base = learnt, self._scores(model, self._held_out.rows)

    def loss(self, model: Any, step: int) -> tuple[Tensor | None, dict[str, float]]:
        """Return the weighted loss of a step with its figures, or None at a step without.

        Everything goes through the model in one call, in the model's present mode, with a dropout
        seeded by the step; the random state outside stays as it was.

        Args:
            model: The model in training.
            step: Optimiser steps done.

        Raises:
            ModelError: Safety has a weight and `reference` was not called.
        """
        weights = self._weights
        if step % weights.interval:
            return None, {}
        places = self._drawn_replies(step) if weights.safety_weight else []
        pairs = self._drawn_pairs(step) if weights.coherence_weight else []
        own = self._learnt.rows
        rows = [own[place] for place in places] + [row for pair in pairs for row in pair]
        if not rows:
            return None, {}
        with _seeded(_device(model), digest.sha256_value([self._seed, "dropout", step])):
            found = self._log_probs(model, rows)
        losses: dict[str, Tensor] = {}
        if places:
            gains = found[: len(places)] - self._references()[0][places].to(found)
            losses["safety"] = _safety_losses(gains, weights.safety_scale).mean()
        if pairs:
            losses["coherence"] = self._hinges(found[len(places) :]).mean()
        total = torch.stack(
            [
                loss * (weights.safety_weight if name == "safety" else weights.coherence_weight)
                for name, loss in losses.items()
            ]
        ).sum()
        return total, {f"objective/{name}": loss.item() for name, loss in losses.items()}

    def validate(self, model: Any) -> dict[str, float]:
        """Return the losses on what was held out; an objective without rows has no figures.

        Returns:
            `eval_safety` and `eval_coherence`, lower is better, and of each the accuracy: the
            share of pairs told apart, ties counting half, 0.5 = chance, 1.0 = all. A pair is an
            appropriate and an inappropriate held-out reply of which the first gained more, or a
            validation context whose own reply is the likelier one.

        Raises:
            ModelError: There are labelled replies and `reference` was not called.
        """
        figures: dict[str, float] = {}
        if fit := len(self._held_out.fit):
            scores = self._scores(model, self._held_out.rows)
            gains = scores - self._references()[1]
            losses = _safety_losses(gains, self._weights.safety_scale, fit)
            figures["eval_safety"] = (losses[:fit].mean() + losses[fit:].mean()).item() / 2
            figures["eval_safety_accuracy"] = _leads(gains[:fit, None] - gains[fit:])
        if self._probes:
            scores = self._scores(model, [row for pair in self._probes for row in pair])
            figures["eval_coherence"] = self._hinges(scores).mean().item()
            figures["eval_coherence_accuracy"] = _leads(scores[::2] - scores[1::2])
        return figures

    def _references(self) -> tuple[Tensor, Tensor]:
        """Return the base's likelihoods of learnt and held-out replies."""
        if self._base is None:
            raise ModelError("the base's likelihoods are missing; call Objectives.reference first.")
        return self._base

    def _drawn_replies(self, step: int) -> list[int]:
        """Draw places in the learnt replies, the first half fit and the second unfit."""
        drawn = contrasts.generator(self._seed, "safety", step)
        half = max(1, self._weights.batch_size // 2)
        fit, unfit = len(self._learnt.fit), len(self._learnt.unfit)
        half = min(half, fit, unfit)
        return drawn.sample(range(fit), half) + drawn.sample(range(fit, fit + unfit), half)

    def _drawn_pairs(self, step: int) -> list[contrasts.Pair]:
        drawn = contrasts.generator(self._seed, "coherence", step)
        half = min(max(1, self._weights.batch_size // 2), len(self._talks))
        return [
            contrasts.pair(self._tokenizer, row, self._talks, drawn, self._weights.max_length)
            for row in drawn.sample(self._talks, half)
        ]

    def _hinges(self, scores: Tensor) -> Tensor:
        """Return the loss of each pair: own, other, own, other ... `(2 * pairs,)` -> `(pairs,)`."""
        return functional.relu(self._weights.coherence_margin - (scores[::2] - scores[1::2]))

    @torch.no_grad()
    def _scores(self, model: Any, rows: Sequence[contrasts.Row]) -> Tensor:
        """Return the mean log-probability a token of each reply, in fp64 on the CPU, `(rows,)`."""
        size = _WITHOUT_GRADIENT * self._weights.batch_size
        order = sorted(range(len(rows)), key=lambda place: (len(rows[place].input_ids), place))
        found = torch.zeros(len(rows), dtype=torch.float64)
        training = model.training
        model.eval()
        for start in range(0, len(order), size):
            places = order[start : start + size]
            scores = self._log_probs(model, [rows[place] for place in places])
            found[places] = scores.double().cpu()
        model.train(training)
        return found

    def _log_probs(self, model: Any, rows: Sequence[contrasts.Row]) -> Tensor:
        """Return the mean log-probability a token of each reply, `(rows,)`."""
        device = _device(model)
        ids = _padded([row.input_ids for row in rows], self._tokenizer.pad_token_id, device)
        said = _padded([row.said for row in rows], 0, device)[:, 1:].bool()  # (rows, seq - 1)
        attended = _padded([[1] * len(row.input_ids) for row in rows], 0, device)
        logits = model(input_ids=ids, attention_mask=attended, use_cache=False).logits[:, :-1]
        wanted = ids[:, 1:][said]
        log_probs = -functional.cross_entropy(logits[said].float(), wanted, reduction="none")
        grid = torch.zeros(said.shape, device=device).masked_scatter(said, log_probs)
        return grid.sum(1) / said.sum(1)


def _safety_losses(gains: Tensor, scale: float, fit: int | None = None) -> Tensor:
    """Return the loss of each reply, `(replies,)`; the first `fit` are fit, or the first half."""
    signs = torch.ones_like(gains)
    signs[len(gains) // 2 if fit is None else fit :] = -1
    return -functional.logsigmoid(scale * signs * gains)


def _leads(differences: Tensor) -> float:
    """Return the share above 0, ties counting half."""
    return ((differences.sign() + 1) / 2).mean().item()


@contextmanager
def _seeded(device: torch.device, sha256: str) -> Iterator[None]:
    """Seed torch's generators, and put them back as they were."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(sha256[:12], 16))
        yield


def _device(model: Any) -> torch.device:
    device: torch.device = next(model.parameters()).device
    return device


def _padded(rows: Sequence[list[int]], fill: int, device: torch.device) -> Tensor:
    """Pad on the right: causal attention never looks there."""
    width = max(len(row) for row in rows)
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows], device=device)
