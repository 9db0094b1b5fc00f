"""safety-label: the filters' labels beside gold; a stated sample of the children enters training."""

import sys
from collections.abc import Iterable
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import track

from caretune import records
from caretune.cli import stage
from caretune.corpus import safety_label
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.records import Conversation
from caretune.safety.chain import Chain

log = structlog.get_logger()


def main(
    *,
    split: Path,
    augmented: Path,
    filters: Path,
    out: Path,
    ledger: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Label every row, write labelled/{train,validation,test}.jsonl, the ledger and the figures."""
    p = loader.load(params).safety_label
    chain = Chain.load(filters)
    children = list(records.read(augmented, Conversation))
    sample = safety_label.sample(children, p.augmented_rate, p.seed)
    rows = {
        name: list(records.read(split / f"{name}.jsonl", Conversation))
        for name in ("train", "validation", "test")
    }
    rows["train"] += sample.taken
    labelled = [
        safety_label.label(
            row,
            chain,
            drop_unsafe_replies=p.drop_unsafe_replies,
            max_toxic_reply_score=p.max_toxic_reply_score,
        )
        for row in _shown([row for part in rows.values() for row in part])
    ]
    kept = [entry.row for entry in labelled if not entry.exit]
    edges = safety_label.edges(labelled, sample.left)
    read = [row.id for part in (*rows.values(), sample.left) for row in part]
    row_ledger.check_conserved(edges, read, (row.id for row in kept))
    for name in rows:
        records.write(out / f"{name}.jsonl", (row for row in kept if row.split == name))
    found = safety_label.figures(labelled, sample.left)
    summary = row_ledger.write(ledger, edges)
    records.write_json(metrics, {**found, "filters": chain.digest, "ledger": summary})
    log.info("labelled", **found["rows"], exits=found["exits"])


def _shown(rows: list[Conversation]) -> Iterable[Conversation]:
    """Show a progress bar where someone sees it."""
    return track(rows, "labelling", console=Console(stderr=True), disable=not sys.stderr.isatty())


if __name__ == "__main__":
    stage.run(main)
