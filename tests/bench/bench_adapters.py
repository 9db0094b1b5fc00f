"""MoE-LoRA beside LoRA of equal total rank, of equal active rank, and the base trained on alone.

`python -m tests.bench.bench_adapters` after `make repro`: it trains on the data and the base that
stand there, every kind with every seed, and judges each best checkpoint on the split named. A finished run is
kept in OUT and not repeated, so that a killed bench goes on, and refused where settings, rows or base
have changed since; another `--label` is another set of runs. Differences are paired by conversation,
means over the seeds, with an interval by family and the standard deviation over the seeds. What is
judged on the test split is counted by the odometer; the validation split also chooses checkpoints.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from transformers import get_cosine_schedule_with_warmup

from caretune import records
from caretune.cli.params import merged
from caretune.evaluation import likelihood, routing
from caretune.lineage import digest, odometer, resume
from caretune.model import adapter, base, compute
from caretune.params import loader
from caretune.params.train import OPERATION, Train
from caretune.records import Conversation
from caretune.training import rows as training_rows
from caretune.training import sft
from caretune.training.collator import Collator
from caretune.training.objectives import prepare
from caretune.training.order import Order
from caretune.training.settings import Settings
from stages import train as stage
from tests.bench import adapter_figures

CONTINUED = "base_continued"
KINDS = ("moe_lora", "lora", "lora_active", CONTINUED)
CONTINUED_RATES = (1e-4, 3e-4, 1e-3)
"""Learning rates of all weights; the best on validation counts."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--project", type=Path, default=Path(), help="where `make repro` ran")
    asked.add_argument("--out", type=Path, default=Path("build/adapters"))
    asked.add_argument("--label", default="default", help="name of this set of runs")
    asked.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS)
    asked.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    asked.add_argument("--split", default="validation", choices=("validation", "test"))
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


def inputs(asked: argparse.Namespace, p: Train) -> str:
    """Return the digest of what shapes a run's figures: settings, rows and base."""
    data = asked.project / "data"
    paths = [data / f"labelled/{name}.jsonl" for name in ("train", "validation", asked.split)]
    paths += sorted((data / "raw").glob("messages_therapeutic*.jsonl"))
    return digest.sha256_value(
        {
            "settings": p.model_dump(exclude={*OPERATION, "seed"}),
            "rows": {path.name: digest.sha256_file(path) for path in paths},
            "base": digest.sha256_folder(asked.project / "models/base"),
        }
    )


def trained(kind: str, seed: int, p: Train, project: Path, folder: Path) -> tuple[Any, Any, Any]:
    """Train one kind with one seed; return model, tokenizer and what is known of the training."""
    compute.prepare(1)
    loaded = base.load(project / "models/base")
    rows, held_out = (
        list(records.read(project / f"data/labelled/{split}.jsonl", Conversation))
        for split in ("train", "validation")
    )
    files = sorted((project / "data/raw").glob("messages_therapeutic*.jsonl"))
    replies = list(stage._kept(files, project / "data/suppressed.jsonl"))
    how = replace(stage._settings(p), seed=seed)
    if kind == CONTINUED:
        made = continued(loaded, rows, held_out, how)
        made[0].save_pretrained(folder / "adapter/best")
        return made
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
    beside = prepare(loaded.tokenizer, how.objectives, rows, held_out, replies, seed)
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
    size = how.batch_size * how.accumulation
    order = list(Order(lengths, size, how.steps * size, how.seed))
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
            picked = [made[place] for place in order[step * size : (step + 1) * size]]
            backward(model, [collate(part) for part in batched(picked, how.batch_size)])
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
    known["rates_tried"] = len(CONTINUED_RATES)
    return loaded.model.eval(), loaded.tokenizer, known


def batched(rows: list[Any], size: int) -> list[list[Any]]:
    """Cut rows into batches."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def backward(model: Any, batches: list[Any]) -> None:
    """Add the gradients of a step's mean over its reply tokens, pass by pass."""
    tokens = [int((batch["labels"][:, 1:] != -100).sum()) for batch in batches]
    for batch, count in zip(batches, tokens, strict=True):
        (model(**batch).loss * (count / sum(tokens))).backward()


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
    path = asked.project / f"data/labelled/{asked.split}.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        p = settings(asked.project, asked.set, Path(folder))
        given = inputs(asked, p)
        if file.exists():
            return finished(file, given)
        model, tokenizer, known = trained(kind, seed, p, asked.project, Path(folder))
        if asked.split == "test":
            weights = {kind: digest.sha256_folder(Path(folder) / "adapter/best")}
            read = odometer.Read(digest.sha256_file(path), weights, datetime.now(UTC).isoformat())
            odometer.append(asked.project / odometer.READS, read)
        found = judged(model, tokenizer, list(records.read(path, Conversation)))
    found |= {"training": known, "inputs": given}
    records.write_json(file, found)
    print(
        kind, seed, f"{adapter_figures.mean_of(found['items']):.4f}", json.dumps(known), flush=True
    )
    return found


def finished(file: Path, given: str) -> dict[str, Any]:
    """Return a run that is finished, if it was made of the same settings, rows and base."""
    found = dict(records.read_json(file))
    if found.get("inputs") != given:
        raise SystemExit(
            f"{file}: made of other settings, rows or another base. Give another --label, or delete it."
        )
    return found


def main() -> None:
    """Train what is missing, then print the tables."""
    asked = parse()
    asked.out.mkdir(parents=True, exist_ok=True)
    adapter_figures.tell(
        {kind: [run(asked, kind, seed) for seed in asked.seeds] for kind in asked.kinds}
    )


if __name__ == "__main__":
    main()
