"""Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""

from pathlib import Path
from typing import Literal

import structlog

from caretune import records
from caretune.cli import stage
from caretune.model import adapter as adapters
from caretune.model import base as bases
from caretune.model import compute
from caretune.params import loader
from caretune.params.train import Train
from caretune.records import Conversation
from caretune.training import sft

Kind = Literal["moe_lora", "lora"]


def main(
    *,
    adapter: Kind,
    labelled: Path,
    base: Path,
    out: Path,
    live: Path,
    timing: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""
    p = loader.load(params).train
    compute.prepare(p.threads)
    trained = sft.train(
        adapter,
        bases.load(base),
        _config(adapter, p),
        list(records.read(labelled / "train.jsonl", Conversation)),
        list(records.read(labelled / "validation.jsonl", Conversation)),
        sft.Settings(
            learning_rate=p.learning_rate,
            schedule=p.schedule,
            steps=p.steps,
            warmup_steps=p.warmup_steps,
            batch_size=p.batch_size,
            accumulation=p.accumulation,
            max_length=p.max_length,
            weight_decay=p.weight_decay,
            max_grad_norm=p.max_grad_norm,
            evaluations=p.evaluations,
            gradient_checkpointing=p.gradient_checkpointing,
            seed=p.seed,
        ),
        out=out,
        live=live,
    )
    records.write_json(live / "history.json", trained.history)
    records.write_json(timing, trained.timing)
    # Last: a folder without it is not whole.
    records.write_json(out / "training.json", trained.training)
    structlog.get_logger().info(
        "train",
        adapter=adapter,
        base_nll=round(trained.training.base_validation_nll, 4),
        best_nll=round(trained.training.best_validation_nll, 4),
        best_step=trained.training.best_step,
        seconds=round(trained.timing.seconds),
    )


def _config(kind: Kind, p: Train) -> adapters.Config:
    m = p.moe_lora
    if kind == "lora":
        return adapters.lora(
            rank=(len(m.experts) + m.shared_experts) * m.rank,
            alpha_per_rank=p.alpha_per_rank,
            dropout=p.dropout,
            target_modules=p.target_modules,
        )
    return adapters.moe_lora(
        rank=m.rank,
        experts=m.experts,
        top_k=m.top_k,
        shared_experts=m.shared_experts,
        load_balance_weight=m.load_balance_weight,
        z_weight=m.z_weight,
        domain_weight=m.domain_weight,
        alpha_per_rank=p.alpha_per_rank,
        dropout=p.dropout,
        target_modules=p.target_modules,
    )


if __name__ == "__main__":
    stage.run(main)
