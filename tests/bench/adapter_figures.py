"""What the bench of the adapters prints of its finished runs."""

from collections import defaultdict
from statistics import fmean, stdev
from typing import Any

from caretune.evaluation import metric, routing
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.likelihood import RESPONSE_NLL
from caretune.evaluation.result import ALL, Item, Result, Routed, Routing

FIGURES = ("eval_safety_accuracy", "eval_safety", "eval_coherence_accuracy", "eval_coherence")
PLAN = Plan(resamples=2000, confidence=0.95, seed=41)


def mean_of(items: list[dict[str, Any]]) -> float:
    """Return the NLL a token over items."""
    return sum(item["nll_sum"] for item in items) / sum(item["tokens"] for item in items)


def table_of(runs: list[dict[str, Any]], domain: str | None) -> dict[str, list[Any]]:
    """Return the columns of a domain's conversations, nats being means over the runs."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for same in zip(*(one["items"] for one in runs), strict=True):
        if domain is None or same[0]["domain"] == domain:
            columns["family"].append(same[0]["family"])
            columns["nll_sum"].append(fmean(item["nll_sum"] for item in same))
            columns["tokens"].append(same[0]["tokens"])
    return dict(columns)


def routed(one: dict[str, Any]) -> Routing:
    """Return how the routers of a run choose; no classifier was asked, so its figures mean nothing."""
    items = []
    for row in one["items"]:
        chose = Routed(row["likeliest"], row["chosen"], "", "", "", False, None, None)
        empty = {"model": "moe_lora", "reply": None, "rouge_l": None, "decision": None}
        known = {name: row[name] for name in row if name not in ("likeliest", "chosen")}
        items.append(Item(**known, **empty, routed=chose))
    own = {name: name for name in one["experts"]}
    return routing.summarise("moe_lora", one["experts"], own, items, PLAN)


def said(one: Result, form: str) -> str:
    """Return a value with its interval; a dash where nothing was scored."""
    if one.value is None:
        return "-"
    return f"{one.value:{form}}" + (
        "" if one.low is None else f" [{one.low:{form}}, {one.high:{form}}]"
    )


def spread(runs: list[dict[str, Any]], others: list[dict[str, Any]], domain: str | None) -> str:
    """Return the standard deviation over the seeds of the difference between two kinds."""
    gaps = []
    for pair in zip(runs, others, strict=True):
        kept = [[i for i in one["items"] if domain in (None, i["domain"])] for one in pair]
        gaps.append(mean_of(kept[0]) - mean_of(kept[1]))
    return f"{stdev(gaps):.4f}" if len(gaps) > 1 else "-"


def tell(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the figures: NLL, differences by domain, routing accuracy and load."""
    domains = sorted({item["domain"] for item in next(iter(found.values()))[0]["items"]})
    for kind, runs in found.items():
        tell_kind(kind, runs)
    for kind in [kind for kind in found if kind != "moe_lora" and "moe_lora" in found]:
        print(f"moe_lora minus {kind}: mean over seeds, interval by family, deviation over seeds")
        for domain in (None, *domains):
            pair = [table_of(found["moe_lora"], domain), table_of(found[kind], domain)]
            gap = said(metric.result(RESPONSE_NLL, pair, PLAN), "+.4f")
            over_seeds = spread(found["moe_lora"], found[kind], domain)
            print(f"  {domain or 'all':24} {gap}  seeds {over_seeds}  n={len(pair[0]['family'])}")
    for one in found.get("moe_lora", []):
        figures = routed(one)
        loads = zip(figures.experts, figures.load[ALL], strict=True)
        print("load " + ", ".join(f"{name} {share:.3f}" for name, share in loads))
        for who in ("router tokens", "router majority"):
            for domain, share in figures.accuracy[who].items():
                counts = f"n={share.n}, unscored {share.unscored}"
                print(f"  {who:16} {domain:24} {said(share, '.2f')}  {counts}")


def tell_kind(kind: str, runs: list[dict[str, Any]]) -> None:
    """Print what is known of one kind, a figure a seed."""
    by_seed = ", ".join(f"{mean_of(one['items']):.4f}" for one in runs)
    held = ", ".join(f"{one['training']['validation_nll']:.4f}" for one in runs)
    tried = runs[0]["training"].get("rates_tried")
    best = f" (best of {tried} learning rates, chosen here)" if tried else ""
    print(f"{kind:16} by seed {by_seed}   validation{best} {held}")
    crisis = [[i for i in one["items"] if i["severity"] in ("high", "imminent")] for one in runs]
    if crisis[0]:
        risky = ", ".join(f"{mean_of(items):.4f}" for items in crisis)
        print(f"  high or imminent risk      {risky}  n={len(crisis[0])}")
    for name in FIGURES:
        values = [one["training"][name] for one in runs if name in one["training"]]
        if values:
            print(f"  {name:26} " + ", ".join(f"{value:.3f}" for value in values))
