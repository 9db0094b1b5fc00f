"""ingest: every source named in params becomes one corpus; each row gets in or leaves by name."""

import os
from pathlib import Path

import structlog

from caretune import records
from caretune.cli import progress, stage
from caretune.corpus import ingest
from caretune.corpus.door import Settings
from caretune.corpus.quality.assessment import Thresholds
from caretune.corpus.source import Source
from caretune.lineage import identity, suppression
from caretune.lineage import ledger as row_ledger
from caretune.params import loader

log = structlog.get_logger()


def main(
    *,
    filters: Path,
    suppressed: Path,
    out: Path,
    ledger: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Read the sources, weigh and redact their rows, write the corpus, its ledger and its figures.

    The environment variable CARETUNE_PERSON_KEY keys the hashes that stand for people's names.
    """
    p = loader.load(params).ingest
    sources = {
        name: Source(
            name=name,
            adapter=source.adapter,
            path=Path(source.path),
            license=source.license,
            sha256=source.sha256,
            url=source.url,
            domains=source.domains,
            default_domain=source.default_domain,
            weight=source.weight,
            cap=source.cap,
        )
        for name, source in sorted(p.sources.items())
        if source.enabled
    }
    person_key = os.environ.get("CARETUNE_PERSON_KEY", identity.PUBLIC_PERSON_KEY)
    forgotten = suppression.load(suppressed)
    suppression.check_key(forgotten, identity.key_mark(person_key))
    settings = Settings(
        sources=sources,
        thresholds=Thresholds(**p.quality.model_dump()),
        suppressed=forgotten,
        person_key=person_key,
        filters=filters if p.redact else None,
    )
    with ingest.Ingest(
        settings, seed=p.seed, max_bad_rate=p.max_bad_rate, folder=out.parent
    ) as corpus:
        with progress.rows("reading sources", ingest.expected_rows(sources.values())) as seen:
            corpus.read(seen)
        rows = corpus.write(out)
        summary = row_ledger.write(ledger, corpus.edges())
        records.write_json(metrics, corpus.figures(summary))
    log.info("ingested", rows=rows, exits=summary.exits, root=summary.root[:12])


if __name__ == "__main__":
    stage.run(main)
