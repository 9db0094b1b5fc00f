"""Who chooses the experts of a MoE-LoRA, how often rightly, and what one expert a request costs.

The routers choose for each token; a service may choose one expert for a whole request instead
(caretune/model/domains.py). All figures follow from the items' `routed`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from caretune.evaluation import likelihood, metric, replies
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.likelihood import RESPONSE_NLL
from caretune.evaluation.metric import Columns, Definition
from caretune.evaluation.result import ALL, Item, Result, Routed, Routing
from caretune.model import domains
from caretune.model.domains import Domains
from caretune.moe_lora.config import MoeLoraConfig
from caretune.records import Conversation
from caretune.safety.chain import Chain

_TOKEN, _REQUESTED, _TRUE = "token", "static requested", "static true"
_ACCURACY = Definition(
    name="domain_accuracy",
    unit="rate",
    direction="higher",
    numerator="right",
    denominator="asked",
    description="Share whose domain, or its expert, is told rightly.",
    share=True,
)


class Counts(NamedTuple):
    """What the routers did with one conversation; see `Routed`."""

    likeliest: list[list[int]]
    chosen: list[int]


class RouterWatch:
    """Counts the routers' choices in each forward pass of a token-routed model.

    Args:
        model: A PEFT model with one active MoE-LoRA adapter.
    """

    def __init__(self, model: Any) -> None:
        self._tuner = model.base_model
        self._adapter = model.active_adapter
        self._config: MoeLoraConfig = model.peft_config[self._adapter]
        self.counts: dict[int, Counts] = {}

    def __call__(self, places: Sequence[int], attended: Tensor) -> None:
        """Count a batch whose conversations have these places, `(batch, seq)`."""
        states = [router.state.logits for router in self._tuner.routers]
        logits = torch.stack([state[self._adapter] for state in states if self._adapter in state])
        experts = logits.shape[-1]  # (routers, batch, seq, experts)
        ones = torch.nn.functional.one_hot(logits.argmax(-1), experts)
        likeliest = (ones * attended[..., None]).sum(2)  # -> (routers, batch, experts)
        choices = torch.zeros_like(ones).scatter(-1, logits.topk(self._config.top_k).indices, 1)
        chosen = (choices * attended[..., None]).sum((0, 2))  # -> (batch, experts)
        for row, place in enumerate(places):
            self.counts[place] = Counts(likeliest[:, row].tolist(), chosen[row].tolist())


def experts(model: Any) -> list[str]:
    """Return the names of a model's experts; none for a base or a plain LoRA."""
    config = getattr(model, "peft_config", {}).get("default")
    return list(config.expert_names or ()) if isinstance(config, MoeLoraConfig) else []


def routed(
    model: Any,
    tokenizer: Any,
    chain: Chain,
    classifier: Domains,
    rows: Sequence[Conversation],
    counts: Mapping[int, Counts],
    batch_size: int,
) -> list[Routed]:
    """Ask who chooses for every row, and score it under the static gates of both choices.

    Args:
        model: A PEFT model with a MoE-LoRA adapter.
        tokenizer: The base's tokenizer.
        chain: The filters; a risk that they find decides before the classifier.
        classifier: The domain classifier that lies beside the adapter.
        rows: Conversations.
        counts: Place of a row -> what the routers did with it.
        batch_size: Conversations a forward pass.
    """
    asked = [domains.requests(row.messages) for row in rows]
    scans = [chain.scan_turns(parts[-1]) for parts in asked]
    last = [classifier.choose(parts[-1], "none") for parts in asked]
    first = [classifier.choose(parts[0], "none") for parts in asked]
    requested = [
        classifier.choose(parts[-1], scan.crisis.severity)
        for parts, scan in zip(asked, scans, strict=True)
    ]
    table, names = classifier.header.experts, experts(model)
    own = [table.get(row.domain or "") for row in rows]
    # Mostly both choices are one, so its score is taken once.
    pairs = [(place, choice.expert) for place, choice in enumerate(requested)]
    pairs += [
        (place, expert)
        for place, expert in enumerate(own)
        if expert is not None and expert != requested[place].expert
    ]
    scores = likelihood.score(
        model,
        tokenizer,
        [rows[place].messages for place, _ in pairs],
        batch_size,
        gates=[domains.one_hot(expert, names) for _, expert in pairs],
    )
    static = dict(zip(pairs, (score.nll_sum for score in scores), strict=True))
    return [
        Routed(
            likeliest=counts[place].likeliest,
            chosen=counts[place].chosen,
            classified=last[place].domain,
            classified_first=first[place].domain,
            requested=requested[place].domain,
            protocol=replies.by_protocol(scans[place]),
            static_requested_nll_sum=static[place, requested[place].expert],
            static_true_nll_sum=None if (expert := own[place]) is None else static[place, expert],
        )
        for place in range(len(rows))
    ]


def summarise(
    model: str, names: Sequence[str], table: Mapping[str, str], items: Sequence[Item], plan: Plan
) -> Routing:
    """Return the figures of one model's items.

    Args:
        model: What the model is called in the results.
        names: Its experts, in the order of the items' counts.
        table: Domain -> its expert.
        items: Of this model. Those without `routed` or a domain of the table are counted as unscored.
            What the service answers itself is in the routers' and the classifier's figures, and in
            none of the ways and requests.
        plan: How intervals are made.
    """
    known = [(item, item.routed) for item in items if item.routed and item.domain in table]
    placed = {item.id for item, _ in known}
    unplaced = [item for item in items if item.id not in placed]
    generated = [pair for pair in known if not pair[1].protocol]
    nothing = [None] * len(unplaced)
    ways = {
        _TOKEN: [item.nll_sum for item, _ in generated] + nothing,
        _REQUESTED: [found.static_requested_nll_sum for _, found in generated] + nothing,
        _TRUE: [found.static_true_nll_sum for _, found in generated] + nothing,
    }
    rows = [*(item for item, _ in generated), *unplaced]
    family = [item.family for item in rows]
    tokens = [item.tokens for item in rows]
    columns: dict[str, Columns] = {
        way: {"family": family, "nll_sum": sums, "tokens": tokens} for way, sums in ways.items()
    }
    token = columns.pop(_TOKEN)
    return Routing(
        model=model,
        experts=list(names),
        nll={
            way: metric.result(RESPONSE_NLL, [of], plan)
            for way, of in {_TOKEN: token, **columns}.items()
        },
        gaps={
            f"{way} - {_TOKEN}": metric.result(RESPONSE_NLL, [of, token], plan)
            for way, of in columns.items()
        },
        accuracy={
            who: _by_domain(known, unplaced, right, names, table, plan)
            for who, right in _RIGHT.items()
        },
        load=_load(known, len(names)),
    )


_Known = Sequence[tuple[Item, Routed]]


def _tokens(found: Routed, _domain: str, expert: int) -> tuple[float, float]:
    tokens = [sum(of) for of in zip(*found.likeliest, strict=True)]  # over routers, an expert
    routers = len(found.likeliest)
    return tokens[expert] / routers, sum(tokens) / routers


def _majority(found: Routed, _domain: str, expert: int) -> tuple[float, float]:
    votes = [sum(column) for column in zip(*found.likeliest, strict=True)]
    return float(votes.index(max(votes)) == expert), 1.0


_RIGHT: dict[str, Callable[[Routed, str, int], tuple[float, float]]] = {
    "router tokens": _tokens,
    "router majority": _majority,
    "classifier": lambda found, domain, _: (float(found.classified == domain), 1.0),
    "classifier, first message": lambda found, domain, _: (
        float(found.classified_first == domain),
        1.0,
    ),
    "request": lambda found, domain, _: (
        float(not found.protocol and found.requested == domain),
        float(not found.protocol),
    ),
}
"""Who tells the domain -> how much of a row is right, of how much; of 0 = the row is not asked."""


def _domains(known: _Known) -> dict[str, list[tuple[Item, Routed]]]:
    """Return all rows, and the rows of each domain."""
    parts = {ALL: list(known)}
    for name in sorted({str(item.domain) for item, _ in known}):
        parts[name] = [pair for pair in known if pair[0].domain == name]
    return parts


def _by_domain(
    known: _Known,
    unplaced: Sequence[Item],
    right: Callable[[Routed, str, int], tuple[float, float]],
    names: Sequence[str],
    table: Mapping[str, str],
    plan: Plan,
) -> dict[str, Result]:
    found = {}
    for name, part in _domains(known).items():
        lost = unplaced if name == ALL else []
        counts: list[tuple[float | None, float]] = [
            right(routed_, str(item.domain), names.index(table[str(item.domain)]))
            for item, routed_ in part
        ]
        counts += [(None, 1.0)] * len(lost)
        columns: Columns = {
            "family": [*(item.family for item, _ in part), *(item.family for item in lost)],
            "right": [hits for hits, _ in counts],
            "asked": [asked for _, asked in counts],
        }
        found[name] = metric.result(_ACCURACY, [columns], plan)
    return found


def _load(known: _Known, experts_: int) -> dict[str, list[float]]:
    found = {}
    for name, part in _domains(known).items():
        totals = [sum(routed_.chosen[place] for _, routed_ in part) for place in range(experts_)]
        found[name] = [total / (sum(totals) or 1) for total in totals]
    return found
