"""augment: children of the train rows, by five strategies; none loses its parent's severity."""

from pathlib import Path

import structlog

from caretune import records
from caretune.cli import stage
from caretune.corpus.augment import figures, pipeline
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.records import Conversation
from caretune.safety.chain import Chain

log = structlog.get_logger()


def main(
    *,
    train: Path,
    filters: Path,
    out: Path,
    ledger: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Write the augmented children of split/train, their ledger and their figures."""
    p = loader.load(params).augment
    chain = Chain.load(filters)
    rows = list(records.read(train, Conversation))
    attempts = list(
        pipeline.augment(
            rows,
            seed=p.seed,
            probabilities={
                "context_expansion": p.context_expansion,
                "crisis_scenarios": p.crisis_scenarios,
                "demographic_diversity": p.demographic_diversity,
                "dialogue_variation": p.dialogue_variation,
                "paraphrase": p.paraphrase,
            },
            max_children=p.max_children,
            scan=lambda turns: chain.scan_turns(turns).crisis.severity,
        )
    )
    children = [attempt.child for attempt in attempts if attempt.child is not None]
    edges = pipeline.edges(rows, attempts)
    row_ledger.check_conserved(edges, (row.id for row in rows), (child.id for child in children))
    records.write(out, children)
    found = figures.figures(rows, attempts)
    summary = row_ledger.write(ledger, edges)
    records.write_json(metrics, {**found, "filters": chain.digest, "ledger": summary})
    log.info("augmented", train=len(rows), children=len(children), ratio=found["ratio"])


if __name__ == "__main__":
    stage.run(main)
