"""Build the rehearsal base from the training rows, or take the checkpoint that params name."""

import time
from pathlib import Path

import structlog

from caretune import records
from caretune.cli import stage
from caretune.model import base, compute, rehearsal
from caretune.params import loader
from caretune.params.base import Base
from caretune.records import Conversation


def main(
    *, train: Path, out: Path, metrics: Path, timing: Path, params: Path = Path("params.yaml")
) -> None:
    """Build the rehearsal base from the training rows, or take the checkpoint that params name."""
    p = loader.load(params).base
    compute.prepare(p.threads)
    begun = time.perf_counter()
    figures = None
    if p.source == base.REHEARSAL:
        record, figures = _rehearsal(p, train, out)
    else:
        record = base.keep_checkpoint(
            p.source,
            p.revision,
            dtype=p.dtype,
            template=Path(p.template).read_text(encoding="utf-8"),
            end_of_turn=p.end_of_turn,
            pad=p.pad,
            out=out,
        )
    seconds = time.perf_counter() - begun
    speed = figures.trained_tokens / seconds if figures else None
    records.write_json(metrics, {"base": record, "training": figures})
    records.write_json(timing, {"seconds": seconds, "tokens_per_second": speed})
    structlog.get_logger().info(
        "base",
        kind=record.kind,
        parameters=record.parameters,
        loss=round(figures.last_loss, 3) if figures else None,
        seconds=round(seconds),
    )


def _rehearsal(p: Base, train: Path, out: Path) -> rehearsal.Made:
    r = p.rehearsal
    return rehearsal.make(
        list(records.read(train, Conversation)),
        rehearsal.Shape(
            vocabulary=r.vocabulary,
            hidden_size=r.hidden_size,
            intermediate_size=r.intermediate_size,
            layers=r.layers,
            attention_heads=r.attention_heads,
            key_value_heads=r.key_value_heads,
            context=r.context,
        ),
        rehearsal.Schedule(
            steps=r.steps,
            batch_size=r.batch_size,
            sequence=r.sequence,
            learning_rate=r.learning_rate,
            embedding_learning_rate=r.embedding_learning_rate,
            weight_decay=r.weight_decay,
            warmup_steps=r.warmup_steps,
        ),
        template=Path(p.template).read_text(encoding="utf-8"),
        end_of_turn=p.end_of_turn,
        seed=p.seed,
        out=out,
    )


if __name__ == "__main__":
    stage.run(main)
