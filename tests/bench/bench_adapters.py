"""MoE-LoRA beside LoRA of equal total rank, of equal active rank, and the base trained on alone.

`python -m tests.bench.bench_adapters` after `make repro`: it trains on the data and the base that
stand there, every kind with every seed, and judges each best checkpoint on the split named. A finished run is
kept in OUT and not repeated, so that a killed bench goes on; another `--label` is another set of
runs. Differences are paired by conversation, means over the seeds, with an interval by family.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from ruamel.yaml import YAML
from transformers import get_cosine_schedule_with_warmup

from caretune import records
from caretune.cli.params import merged
from caretune.evaluation import likelihood, metric, routing
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.likelihood import RESPONSE_NLL
from caretune.lineage import resume
from caretune.model import adapter, base, compute
from caretune.params import loader
from caretune.params.train import Train
from caretune.records import Conversation
from caretune.safety.examples import LabelledMessage
from caretune.training import rows as training_rows
from caretune.training import sft
from caretune.training.collator import Collator
from caretune.training.objectives import Weights, prepare
from caretune.training.order import Order
from caretune.training.settings import Settings

CONTINUED = "base_continued"
KINDS = ("moe_lora", "lora", "lora_active", CONTINUED)
CONTINUED_RATES = (1e-4, 3e-4, 1e-3)
"""Learning rates of all weights; the best on validation counts."""
PLAN = Plan(resamples=2000, confidence=0.95, seed=41)


def parse() -> argparse.Namespace:
    """Read the command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--project", type=Path, default=Path(), help="where `make repro` ran")
    asked.add_argument("--out", type=Path, default=Path("build/adapters"))
    asked.add_argument("--label", default="default", help="name of this set of runs")
    asked.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    asked.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    asked.add_argument("--split", default="test", choices=("validation", "test"))
    asked.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of params.train")
    return asked.parse_args()


def settings(project: Path, changed: list[str], folder: Path) -> Train:
    """Return params.train with the changes given, checked as the pipeline checks them."""
    tree: dict[str, Any] = {}
    for pair in changed:
        names, value = pair.split("=", 1)
        place = tree
        *path, last = names.split(".")
        for name in path:
            place = place.setdefault(name, {})
        place[last] = YAML(typ="safe").load(value)
    path = folder / "params.yaml"
    records.write_text(path, merged(project / "params.yaml", {"train": tree}))
    return loader.load(path).train


def trained(kind: str, seed: int, p: Train, project: Path, folder: Path) -> tuple[Any, Any, Any]:
    """Train one kind with one seed; return model, tokenizer and what is known of the training."""
    compute.prepare(1)
    loaded = base.load(project / "models/base")
    rows, held_out = (
        list(records.read(project / f"data/labelled/{split}.jsonl", Conversation))
        for split in ("train", "validation")
    )
    replies = [
        row
        for path in sorted((project / "data/raw").glob("messages_therapeutic*.jsonl"))
        for row in records.read(path, LabelledMessage)
    ]
    own = {field.name for field in fields(Settings)}
    how = Settings(
        **p.model_dump(include=own - {"objectives", "selection"}) | {"seed": seed},
        objectives=Weights(**p.objectives.model_dump()),
    )
    if kind == CONTINUED:
        return continued(loaded, rows, held_out, how)
    config = adapter.configure(
        kind,
        **p.moe_lora.model_dump(),
        alpha_per_rank=p.alpha_per_rank,
        rslora=p.rslora,
        dropout=p.dropout,
        target_modules=p.target_modules,
    )
    with resume.opened(folder / "resume", {}) as state:
        made = sft.train(
            kind,
            loaded,
            config,
            rows,
            held_out,
            how,
            out=folder / "adapter",
            live=folder / "live",
            resume=state,
            replies=replies,
        )
    fresh = base.load(project / "models/base")
    model = adapter.attach(fresh.model, folder / "adapter/best")
    beside = prepare(loaded.tokenizer, how.objectives, rows, held_out, replies, p.seed)
    beside.reference(model)
    return model, fresh.tokenizer, {
        "best_step": made.training.best_step,
        "validation_nll": made.training.best_validation_nll,
        "tokens": made.training.tokens,
        **beside.validate(model),
    }  # fmt: skip


def continued(loaded: Any, rows: Any, held_out: Any, how: Settings) -> tuple[Any, Any, Any]:
    """Train all weights of the base on the same rows in the same order, for as many tokens."""
    made = training_rows.prepare(loaded.tokenizer, rows, how.max_length, None).dataset
    lengths = [len(row) for row in made["input_ids"]]
    order = list(Order(lengths, how.batch_size, how.steps * how.batch_size, how.seed))
    collate = Collator(loaded.tokenizer)
    start = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    best: tuple[float, float, Any] | None = None
    for rate in CONTINUED_RATES:
        model = loaded.model
        model.load_state_dict(start)
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=how.weight_decay)
        schedule = get_cosine_schedule_with_warmup(optimizer, how.warmup_steps, how.steps)
        places = {
            round(how.steps * turn / how.evaluations) for turn in range(1, how.evaluations + 1)
        }
        model.train()
        for step in range(how.steps):
            picked = order[step * how.batch_size : (step + 1) * how.batch_size]
            batch = collate([made[place] for place in picked])
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), how.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            if step + 1 in places:
                model.eval()
                nll = mean(score(model, loaded.tokenizer, held_out))
                if best is None or nll < best[0]:
                    kept = {name: value.clone() for name, value in model.state_dict().items()}
                    best = (nll, rate, kept)
                model.train()
    assert best is not None
    loaded.model.load_state_dict(best[2])
    tokens = sum(lengths[place] for place in order)
    known = {"validation_nll": best[0], "learning_rate": best[1], "tokens": tokens}
    return loaded.model.eval(), loaded.tokenizer, known


def score(model: Any, tokenizer: Any, rows: list[Conversation], watch: Any = None) -> list[Any]:
    """Return nats and tokens of each conversation's replies."""
    return likelihood.score(model, tokenizer, [row.messages for row in rows], 8, watch=watch)


def mean(scores: list[Any]) -> float:
    """Return the NLL a token over all."""
    return sum(one.nll_sum for one in scores) / sum(one.tokens for one in scores)


def judged(model: Any, tokenizer: Any, rows: list[Conversation]) -> dict[str, Any]:
    """Score every row; of a MoE-LoRA also how its routers chose."""
    names = routing.experts(model)
    watch = routing.RouterWatch(model) if names else None
    scores = score(model, tokenizer, rows, watch)
    items = [
        {"id": row.id, "family": row.family or row.id, "domain": row.domain,
         "severity": records.crisis_severity(row), "nll_sum": one.nll_sum, "tokens": one.tokens}
        for row, one in zip(rows, scores, strict=True)
    ]  # fmt: skip
    if watch:
        for place, item in enumerate(items):
            item |= {
                "likeliest": watch.counts[place].likeliest,
                "chosen": watch.counts[place].chosen,
            }
    return {"items": items, "experts": names}


def run(asked: argparse.Namespace, kind: str, seed: int) -> dict[str, Any]:
    """Return one run, from its file where it is finished."""
    file = asked.out / f"{asked.label}-{asked.split}-{kind}-{seed}.json"
    if file.exists():
        return dict(records.read_json(file))
    rows = list(records.read(asked.project / f"data/labelled/{asked.split}.jsonl", Conversation))
    with tempfile.TemporaryDirectory() as folder:
        p = settings(asked.project, asked.set, Path(folder))
        model, tokenizer, known = trained(kind, seed, p, asked.project, Path(folder))
        found = judged(model, tokenizer, rows) | {"training": known}
    records.write_json(file, found)
    print(kind, seed, f"{mean_of(found['items']):.4f}", json.dumps(known), flush=True)
    return found


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


def tell(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print the figures: NLL, differences by domain, routing accuracy and load."""
    domains = sorted({item["domain"] for item in next(iter(found.values()))[0]["items"]})
    for kind, runs in found.items():
        by_seed = ", ".join(f"{mean_of(one['items']):.4f}" for one in runs)
        held = ", ".join(f"{one['training']['validation_nll']:.4f}" for one in runs)
        print(f"{kind:16} by seed {by_seed}   validation {held}")
        for name in (
            "eval_safety_accuracy",
            "eval_safety",
            "eval_coherence_accuracy",
            "eval_coherence",
        ):
            values = [one["training"][name] for one in runs if name in one["training"]]
            if values:
                print(f"  {name:26} " + ", ".join(f"{value:.3f}" for value in values))
    for kind in [kind for kind in found if kind != "moe_lora" and "moe_lora" in found]:
        print(f"moe_lora minus {kind}")
        for domain in (None, *domains):
            pair = [table_of(found["moe_lora"], domain), table_of(found[kind], domain)]
            one = metric.result(RESPONSE_NLL, pair, PLAN)
            limits = "" if one.low is None else f" [{one.low:+.4f}, {one.high:+.4f}]"
            print(f"  {domain or 'all':24} {one.value:+.4f}{limits}  n={len(pair[0]['family'])}")
    for one in found.get("moe_lora", []):
        names, items = one["experts"], one["items"]
        loads = [sum(item["chosen"][place] for item in items) for place in range(len(names))]
        print(
            "load "
            + ", ".join(f"{n} {v / sum(loads):.3f}" for n, v in zip(names, loads, strict=True))
        )
        for domain in domains:
            own = [item for item in items if item["domain"] == domain and domain in names]
            right = [
                block[names.index(domain)] / sum(block) for i in own for block in i["likeliest"]
            ]
            votes = [
                max(range(len(names)), key=lambda e, i=i: sum(b[e] for b in i["likeliest"]))
                == names.index(domain)
                for i in own
            ]
            if own:
                print(
                    f"  routed rightly {domain:24} tokens {fmean(right):.2f}, rows {fmean(votes):.2f}"
                )


def main() -> None:
    """Train what is missing, then print the tables."""
    asked = parse()
    asked.out.mkdir(parents=True, exist_ok=True)
    tell({kind: [run(asked, kind, seed) for seed in asked.seeds] for kind in asked.kinds})


if __name__ == "__main__":
    main()
