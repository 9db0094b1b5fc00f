"""Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""

from dataclasses import fields
from pathlib import Path
from typing import Literal

import structlog

from caretune import records
from caretune.cli import stage
from caretune.params import loader
from caretune.records import Conversation

log = structlog.get_logger()


def main(
    *,
    adapter: Literal["moe_lora", "lora"],
    labelled: Path,
    base: Path,
    out: Path,
    live: Path,
    timing: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""
    p = loader.load(params).train
    from caretune.model import adapter as adapters
    from caretune.model import base as bases
    from caretune.model import compute
    from caretune.training import sft

    compute.prepare(p.threads)
    trained = sft.train(
        adapter,
        bases.load(base),
        adapters.configure(
            adapter,
            **p.moe_lora.model_dump(),
            alpha_per_rank=p.alpha_per_rank,
            dropout=p.dropout,
            target_modules=p.target_modules,
        ),
        list(records.read(labelled / "train.jsonl", Conversation)),
        list(records.read(labelled / "validation.jsonl", Conversation)),
        sft.Settings(**p.model_dump(include={field.name for field in fields(sft.Settings)})),
        out=out,
        live=live,
    )
    records.write_json(live / "history.json", trained.history)
    records.write_json(timing, trained.timing)
    # Last: a folder without it is not whole.
    records.write_json(out / "training.json", trained.training)
    figures = trained.training
    log.info(
        "train",
        adapter=adapter,
        base_nll=round(figures.base_validation_nll, 4),
        best_nll=round(figures.best_validation_nll, 4),
        best_step=figures.best_step,
        seconds=round(trained.timing.seconds),
    )


if __name__ == "__main__":
    stage.run(main)
