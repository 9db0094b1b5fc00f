"""All metrics over all models: from conversations to items, from items to results.

Every result follows from the items (and the authored replies), so that whoever holds items.jsonl
can compute the figures again without a model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import evaluate
import torch

from caretune import records
from caretune.errors import CaretuneError
from caretune.evaluation import likelihood, replies, rouge
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.diversity import Distinct
from caretune.evaluation.likelihood import Perplexity, ResponseNll
from caretune.evaluation.metric import Columns, RatioMetric
from caretune.evaluation.replies import Share
from caretune.evaluation.result import Decoding, Item, Result, pair
from caretune.evaluation.rouge import RougeL
from caretune.lineage import digest, fingerprint
from caretune.lineage.fingerprint import Fingerprint
from caretune.model import generate
from caretune.model.base import BaseRecord
from caretune.records import Conversation
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import Action

BASE = "base"
"""The untuned model, baseline of every adapter."""
_SENT = {Action.ALLOW, Action.REDACT}


def select(rows: Sequence[Conversation], count: int, seed: int) -> list[Conversation]:
    """Choose at most `count` conversations to score, ranked by sha256 of (seed, id)."""
    return sorted(rows, key=lambda row: digest.sha256_value([seed, row.id, "score"]))[:count]


def metrics(cache_dir: Path) -> list[RatioMetric]:
    """Build every metric; what `evaluate` writes stays below `cache_dir`."""
    return [
        ResponseNll(cache_dir),
        Perplexity(cache_dir),
        RougeL(cache_dir),
        Distinct(1, cache_dir),
        Distinct(2, cache_dir),
        *(Share(definition, cache_dir) for definition in replies.shares()),
        *replies.protocol_shares(cache_dir),
    ]


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
    """
    scores = likelihood.score(model, tokenizer, [row.messages for row in rows], batch_size)
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
        )
        for row, score in zip(rows, scores, strict=True)
    ]


def columns(items: Sequence[Item], rows: Sequence[Conversation]) -> dict[str, list[Any]]:
    """Lay the items of one model out as the columns that the metrics read.

    Args:
        items: One for each row, in the order of the rows.
        rows: The conversations, for their authored replies.
    """
    checks = [item.decision for item in items]
    references = [cut.reference if (cut := replies.exchange(row)) else "" for row in rows]
    return {
        "family": [item.family for item in items],
        "nll_sum": [item.nll_sum for item in items],
        "tokens": [item.tokens for item in items],
        "answered": [item.reply is not None for item in items],
        "predictions": [item.reply or "" for item in items],
        "references": references,
        "severity": [item.severity or "" for item in items],
        "blocked": [c.action not in _SENT if c else None for c in checks],
        "pii": [c.pii > 0 if c else None for c in checks],
        "toxic": [c.toxic if c else None for c in checks],
        "inappropriate": [
            None if c is None or c.appropriate is None else not c.appropriate for c in checks
        ],
        "protocol": [c.protocol if c else None for c in checks],
    }


def results(
    tables: Mapping[str, Columns], plan: Plan, cache_dir: Path
) -> dict[str, dict[str, Result]]:
    """Compute every metric of every model: model -> metric -> result.

    Args:
        tables: Model -> columns (see `columns`).
        plan: How intervals are made.
        cache_dir: A temporary folder.
    """
    combined = evaluate.combine(metrics(cache_dir))
    try:
        return {name: combined.compute(**table, plan=plan) for name, table in tables.items()}
    except ValueError:
        # Its sentence would quote the replies.
        raise CaretuneError("the columns do not fit what the metrics read: a fault here") from None


def paired(
    tables: Mapping[str, Columns], plan: Plan, cache_dir: Path
) -> dict[str, dict[str, Result]]:
    """Compute every metric's difference of each adapter to each other model, paired by item.

    The tables hold the same conversations in the same order.
    """
    made = metrics(cache_dir)
    parts = {name: {m: m.parts(table) for m in made} for name, table in tables.items()}
    return {
        pair(candidate, baseline): {
            m.definition.name: m.compare(
                tables[candidate]["family"], parts[candidate][m], parts[baseline][m], plan
            )
            for m in made
        }
        for candidate in tables
        for baseline in tables
        if candidate not in {BASE, baseline}
    }
