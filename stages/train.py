"""Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""

from dataclasses import fields
from pathlib import Path
from typing import Literal

import structlog

from caretune import records
from caretune.cli import stage
from caretune.lineage import digest, resume
from caretune.params import loader
from caretune.params.train import OPERATION
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
    scratch: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank.

    Interrupted at any moment, it goes on from its last checkpoint in SCRATCH and ends with the
    same bytes. At params.train.window_hours or max_cost_usd it stops with exit code 75.
    """
    p = loader.load(params).train
    from caretune.model import adapter as adapters
    from caretune.model import base as bases
    from caretune.model import compute
    from caretune.training import sft
    from caretune.training.budget import Limits

    compute.prepare(p.threads)
    loaded = bases.load(base)
    shaping = {
        "adapter": adapter,
        "base.weights": loaded.record.weights_sha256,
        "base.template": loaded.record.template_sha256,
        "data.train": digest.sha256_file(labelled / "train.jsonl"),
        "data.validation": digest.sha256_file(labelled / "validation.jsonl"),
        **resume.flat(p.model_dump(exclude=set(OPERATION)), "params.train."),
        **compute.circumstances(p.threads, loaded.record.dtype),
    }
    with resume.opened(scratch, shaping) as state:
        trained = sft.train(
            adapter,
            loaded,
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
            resume=state,
            operation=sft.Operation(
                checkpoint_steps=p.checkpoint_steps,
                limits=Limits(
                    window_s=p.window_hours and p.window_hours * 3600,
                    max_cost_usd=p.max_cost_usd,
                    usd_per_hour=p.prices_usd_per_hour.get("cpu", 0.0),
                ),
                **p.loader.model_dump(),
            ),
        )
        records.write_json(live / "history.json", trained.history)
        records.write_json(timing, trained.timing)
        # Last: a folder without it is not whole.
        records.write_json(out / "training.json", trained.training)
        state.clear()
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
