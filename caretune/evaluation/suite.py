"""All metrics over all models: from conversations to items, from items to results.

Every result follows from the items, so that whoever holds items.jsonl can compute the figures
again without a model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import evaluate
import torch

from caretune import records
from caretune.evaluation import diversity, likelihood, metric, replies, rouge, routing
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.metric import Columns, RatioMetric
from caretune.evaluation.result import Decoding, Item, Result, Routed, pair
from caretune.lineage import digest, fingerprint
from caretune.lineage.fingerprint import Fingerprint
from caretune.model import generate
from caretune.model.base import BaseRecord
from caretune.model.domains import Domains
from caretune.records import Conversation
from caretune.safety.chain import Chain

BASE = "base"
"""The untuned model, baseline of every adapter."""
_GRAMS = (1, 2)
METRICS = (
    likelihood.RESPONSE_NLL,
    likelihood.PERPLEXITY,
    rouge.ROUGE_L,
    *map(diversity.distinct, _GRAMS),
    *replies.RATES,
)


def select(rows: Sequence[Conversation], count: int, seed: int) -> list[Conversation]:
    """Choose at most `count` conversations to score, ranked by sha256 of (seed, id)."""
    return sorted(rows, key=lambda row: digest.sha256_value([seed, row.id, "score"]))[:count]


def circumstances(
    record: BaseRecord, threads: int, parameters: dict[str, float | int | bool | str]
) -> tuple[Decoding, Fingerprint]:
    """Return how replies are made, and on what; `parameters` are those of greedy decoding."""
    here = fingerprint.machine(torch.backends.cpu.get_cpu_capability(), threads, record.dtype)
    engine = {"peft": here.peft, "torch": here.torch, "transformers": here.transformers}
    decoding = Decoding(record.template_sha256, {"greedy": True, **parameters}, engine)
    return decoding, here


def measure(
    name: str,
    model: Any,
    tokenizer: Any,
    chain: Chain,
    rows: Sequence[Conversation],
    answered: Sequence[Conversation],
    *,
    max_new_tokens: int,
    batch_size: int,
    classifier: Domains | None = None,
) -> list[Item]:
    """Score every row and reply to the `answered` ones under one model.

    Args:
        name: What the model is called in the results.
        model: A loaded base, or an adapter on one.
        tokenizer: The base's tokenizer.
        chain: The filters, the same that label and serve.
        rows: Conversations with a family.
        answered: Those of them that get a greedy reply (see replies.select).
        max_new_tokens: Longest reply, in tokens.
        batch_size: Conversations a forward pass.
        classifier: Tells the domain of a request, for a model with experts; None for one without.
    """
    watch = None if classifier is None else routing.RouterWatch(model)
    messages = [row.messages for row in rows]
    scores = likelihood.score(model, tokenizer, messages, batch_size, watch=watch)
    routed: Sequence[Routed | None] = [None] * len(rows)
    if classifier is not None and watch is not None:
        routed = routing.routed(model, tokenizer, chain, classifier, rows, watch.counts, batch_size)
    exchanges = {row.id: cut for row in answered if (cut := replies.exchange(row)) is not None}
    contexts = [cut.context for cut in exchanges.values()]
    said = generate.replies(model, tokenizer, contexts, max_new_tokens, batch_size)
    texts = dict(zip(exchanges, (reply.text for reply in said), strict=True))
    overlap = {key: rouge.score(texts[key], cut.reference) for key, cut in exchanges.items()}
    checks = {key: replies.check(chain, cut.context, texts[key]) for key, cut in exchanges.items()}
    return [
        Item(
            id=row.id,
            family=row.family or row.id,
            model=name,
            domain=row.domain,
            severity=records.crisis_severity(row),
            nll_sum=score.nll_sum,
            tokens=score.tokens,
            reply=texts.get(row.id),
            rouge_l=overlap.get(row.id),
            decision=checks.get(row.id),
            routed=choice,
        )
        for row, score, choice in zip(rows, scores, routed, strict=True)
    ]


def columns(items: Sequence[Item]) -> dict[str, list[Any]]:
    """Lay the items of one model out as the columns that the metrics read: no text but ids."""
    said = [item.reply for item in items]
    table: dict[str, list[Any]] = {
        "family": [item.family for item in items],
        "nll_sum": [item.nll_sum for item in items],
        "tokens": [item.tokens for item in items],
        "answered": [float(reply is not None) for reply in said],
        "rouge_l": [0.0 if item.reply is None else item.rouge_l for item in items],
    }
    for n in _GRAMS:
        table |= diversity.columns(said, n)
    return table | replies.columns(items)


def results(
    tables: Mapping[str, Columns], plan: Plan, cache_dir: Path
) -> dict[str, dict[str, Result]]:
    """Compute every metric of every model: model -> metric -> result.

    Args:
        tables: Model -> columns (see `columns`).
        plan: How intervals are made.
        cache_dir: A temporary folder; what `evaluate` writes stays below it.
    """
    combined = evaluate.combine([RatioMetric(definition, cache_dir) for definition in METRICS])
    return {name: combined.compute(**table, plan=plan) for name, table in tables.items()}


def paired(tables: Mapping[str, Columns], plan: Plan) -> dict[str, dict[str, Result]]:
    """Compute every metric's difference of each adapter to each other model, paired by item.

    The tables hold the same conversations in the same order.
    """
    return {
        pair(candidate, baseline): {
            definition.name: metric.result(definition, [tables[candidate], tables[baseline]], plan)
            for definition in METRICS
        }
        for candidate in tables
        for baseline in tables
        if candidate not in {BASE, baseline}
    }
