"""Build the rehearsal base from the training rows, or take the checkpoint that params name."""

import time
from pathlib import Path

import structlog

from caretune import records
from caretune.cli import stage
from caretune.lineage import digest, resume
from caretune.params import loader
from caretune.records import Conversation

log = structlog.get_logger()


def main(
    *,
    train: Path,
    out: Path,
    metrics: Path,
    timing: Path,
    scratch: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Build the rehearsal base from the training rows, or take the checkpoint that params name.

    Interrupted at any moment, a rehearsal goes on from its last checkpoint in SCRATCH and ends with
    the same bytes.
    """
    p = loader.load(params).base
    stage.check_writable(out, metrics, timing, scratch)
    from caretune.model import base, chat, circumstances, compute, rehearsal

    compute.prepare(p.threads)
    begun = time.perf_counter()
    template = chat.read_template(Path(p.template))
    shaping = {
        "data.train": digest.sha256_file(train),
        "base.template": digest.sha256_bytes(template.encode()),
        **resume.flat(p.model_dump(), "params.base."),
        **circumstances.fields(p.threads, p.dtype),
    }
    with resume.opened(scratch, shaping) as state:
        figures, speed = None, None
        if p.source == base.REHEARSAL:
            record, figures = rehearsal.make(
                list(records.read(train, Conversation)),
                rehearsal.Recipe(**p.rehearsal.model_dump()),
                template=template,
                end_of_turn=p.end_of_turn,
                seed=p.seed,
                out=out,
                resume=state,
            )
            here = 1 - state.begun_at / figures.steps
            speed = figures.trained_tokens * here / (time.perf_counter() - begun)
        else:
            record = base.keep_checkpoint(
                p.source,
                p.revision,
                dtype=p.dtype,
                template=template,
                end_of_turn=p.end_of_turn,
                pad=p.pad,
                out=out,
            )
        seconds = time.perf_counter() - begun
        records.write_json(metrics, {"base": record, "training": figures})
        records.write_json(timing, {"seconds": seconds, "tokens_per_second": speed})
        state.clear()
    log.info("base", kind=record.kind, parameters=record.parameters, seconds=round(seconds))


if __name__ == "__main__":
    stage.run(main)
