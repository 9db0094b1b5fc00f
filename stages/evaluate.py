"""evaluate: base and adapters on held-out conversations, each figure with its interval."""

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import structlog
import typer

from caretune import records
from caretune.cli import stage
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.result import Metrics
from caretune.lineage import digest, odometer, workspace
from caretune.lineage.odometer import READS, Read
from caretune.monitoring import delivery, training_alerts
from caretune.monitoring.training_alerts import Limits
from caretune.params import loader
from caretune.params.loader import Params
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
    every = loader.load(params)
    p = every.evaluate
    from caretune.evaluation import replies, routing, suite
    from caretune.model import base as bases
    from caretune.model import compute, domains
    from caretune.model.adapter import attach

    compute.prepare(p.threads)
    chain = Chain.load(filters)
    rows = suite.select(list(records.read(test, Conversation)), p.max_conversations, p.seed)
    answered = replies.select(rows, p.generated_replies, p.seed)
    folders = {name: adapters / name / "best" for name in adapter}
    measured, summary = {}, None
    plan = Plan(p.resamples, p.confidence, p.seed)
    for name in (suite.BASE, *folders):
        loaded = bases.load(base)
        model = attach(loaded.model, folders[name]) if name in folders else loaded.model
        experts = routing.experts(model)
        classifier = domains.read(folders[name]) if experts else None
        measured[name] = suite.measure(
            name,
            model,
            loaded.tokenizer,
            chain,
            rows,
            answered,
            max_new_tokens=p.max_new_tokens,
            batch_size=p.batch_size,
            classifier=classifier,
        )
        if classifier is not None:
            summary = routing.summarise(
                name, experts, classifier.header.experts, measured[name], plan
            )
        log.info("measured", model=name, conversations=len(rows), replies=len(answered))
    tables = {name: suite.columns(found) for name, found in measured.items()}
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
            routing=summary,
            subjects={
                "base": digest.sha256_folder(base),
                "filters": digest.sha256_folder(filters),
                **{f"adapter/{name}": digest.sha256_folder(path) for name, path in folders.items()},
            },
        )
    records.write(items, (item for found in measured.values() for item in found))
    records.write_json(metrics, report)
    _count_read(digest.sha256_file(test), report.subjects)
    if every.gate.candidate in report.models:
        _alert(every, report)
    log.info(
        "evaluate", **{name: found["response_nll"].value for name, found in report.models.items()}
    )


def _count_read(test: str, judged: Mapping[str, str]) -> None:
    """Count that these models were judged on this test split, where DVC runs the stage."""
    if run := workspace.run():
        read = Read(test, dict(judged), datetime.now(UTC).isoformat(), run.experiment or "")
        odometer.append(run.root / READS, read)


def _alert(params: Params, report: Metrics) -> None:
    """Call for somebody where the filters stop too many of the candidate's sample replies."""
    candidate, alerts = params.gate.candidate, params.train.alerts
    limits = Limits(**alerts.model_dump(exclude={"repeat_minutes", "file"}))
    told = delivery.begin(workspace.root(), alerts.file, alerts.repeat_minutes)
    rate = report.models[candidate]["reply_blocked_rate"].value
    for finding in training_alerts.of_replies(rate, limits):
        told.tell(finding.alert(candidate, None, datetime.now(UTC)))


if __name__ == "__main__":
    stage.run(main)
