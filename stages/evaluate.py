"""evaluate: base and adapters on held-out conversations, each figure with its interval."""

import tempfile
from pathlib import Path
from typing import Annotated

import structlog
import typer

from caretune import records
from caretune.cli import stage
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.result import Metrics
from caretune.lineage import digest
from caretune.params import loader
from caretune.records import Conversation
from caretune.safety.chain import Chain

log = structlog.get_logger()


def main(
    *,
    test: Path,
    base: Path,
    adapter: Annotated[list[str], typer.Option()],
    adapters: Path,
    filters: Path,
    metrics: Path,
    items: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Measure the base and each ADAPTER, which lies in ADAPTERS, on the test conversations."""
    p = loader.load(params).evaluate
    from caretune.evaluation import replies, suite
    from caretune.model import base as bases
    from caretune.model import compute
    from caretune.model.adapter import attach

    compute.prepare(p.threads)
    chain = Chain.load(filters)
    rows = suite.select(list(records.read(test, Conversation)), p.max_conversations, p.seed)
    answered = replies.select(rows, p.generated_replies, p.seed)
    folders = {name: adapters / name / "best" for name in adapter}
    measured = {}
    for name in (suite.BASE, *folders):
        loaded = bases.load(base)
        model = attach(loaded.model, folders[name]) if name in folders else loaded.model
        measured[name] = suite.measure(
            name,
            model,
            loaded.tokenizer,
            chain,
            rows,
            answered,
            max_new_tokens=p.max_new_tokens,
            batch_size=p.batch_size,
        )
        log.info("measured", model=name, conversations=len(rows), replies=len(answered))
    tables = {name: suite.columns(found) for name, found in measured.items()}
    plan = Plan(p.resamples, p.confidence, p.seed)
    decoding, fingerprint = suite.circumstances(
        loaded.record,
        p.threads,
        {"batch_size": p.batch_size, "max_new_tokens": p.max_new_tokens},
    )
    with tempfile.TemporaryDirectory() as cache:
        report = Metrics(
            models=suite.results(tables, plan, Path(cache)),
            paired=suite.paired(tables, plan),
            filters=chain.digest,
            decoding=decoding,
            fingerprint=fingerprint,
            subjects={
                "base": digest.sha256_folder(base),
                "filters": digest.sha256_folder(filters),
                **{f"adapter/{name}": digest.sha256_folder(path) for name, path in folders.items()},
            },
        )
    records.write(items, (item for found in measured.values() for item in found))
    records.write_json(metrics, report)
    log.info(
        "evaluate", **{name: found["response_nll"].value for name, found in report.models.items()}
    )


if __name__ == "__main__":
    stage.run(main)
