"""ingest: every source named in params becomes one corpus; each row gets in or leaves by name."""

import os
from pathlib import Path

import structlog

from caretune import records
from caretune.cli import stage
from caretune.corpus import ingest
from caretune.corpus.source import Source
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.safety.chain import Chain

log = structlog.get_logger()


def main(
    *,
    filters: Path,
    out: Path,
    ledger: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Read the sources, replace personal data, write the corpus, its ledger and its figures.

    The environment variable CARETUNE_PERSON_KEY keys the hashes that stand for people's names.
    """
    p = loader.load(params).ingest
    door = ingest.Door(
        redactor=Chain.load(filters).redactor if p.redact else None,
        person_key=os.environ.get("CARETUNE_PERSON_KEY", ingest.PUBLIC_PERSON_KEY),
        max_bad_rate=p.max_bad_rate,
    )
    sources = [
        Source(
            name=name,
            adapter=source.adapter,
            path=Path(source.path),
            license=source.license,
            sha256=source.sha256,
            url=source.url,
            domains=source.domains,
            default_domain=source.default_domain,
        )
        for name, source in sorted(p.sources.items())
        if source.enabled
    ]
    rows = records.write(out, door.rows(sources))
    summary = row_ledger.write(ledger, door.edges)
    records.write_json(metrics, door.figures(summary))
    log.info("ingested", rows=rows, exits=summary.exits, root=summary.root[:12])


if __name__ == "__main__":
    stage.run(main)
