"""safety-label: the filters' labels beside gold; a stated sample of the children enters training."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from caretune import records
from caretune.cli import progress, stage
from caretune.corpus import conservation, pool, safety_label
from caretune.corpus.conservation import Graded
from caretune.corpus.rows import Rows, Shard
from caretune.corpus.safety_label import Tally
from caretune.corpus.split import SPLITS
from caretune.corpus.spool import Spool
from caretune.lineage import ledger as row_ledger
from caretune.lineage.ledger import Edge
from caretune.params import loader
from caretune.params.safety_label import SafetyLabel
from caretune.safety.chain import Chain

log = structlog.get_logger()


class _Done(NamedTuple):
    """A shard of rows after the stage."""

    lines: list[tuple[str, str, bytes]]
    """(split, id, labelled row)."""
    edges: list[Edge]
    before: list[Graded]
    after: list[Graded]
    tally: Tally


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
    digest = Chain.load(filters).digest
    children = Rows([augmented])
    taken = safety_label.sample(children, p.augmented_rate, p.seed)
    rows = Rows([*(split / f"{name}.jsonl" for name in SPLITS), augmented])
    edges: list[Edge] = []
    before: list[Graded] = []
    after: list[Graded] = []
    tally = Tally()
    with ExitStack() as stack, progress.rows("labelling", len(rows)) as seen:
        spools = {name: stack.enter_context(Spool(out)) for name in SPLITS}
        for done in pool.run(partial(_prepare, filters, taken, p), rows.shards()):
            for name, row, line in done.lines:
                spools[name].add(row, line)
            edges += done.edges
            before += done.before
            after += done.after
            tally.merge(done.tally)
            seen(len(done.edges))
        written = {name: spool.write(out / f"{name}.jsonl") for name, spool in spools.items()}
    kept = {row for rows in written.values() for row in rows}
    row_ledger.check_conserved(edges, (row.id for row in before), kept)
    summary = row_ledger.write(ledger, edges)
    figures = {
        **safety_label.figures(tally),
        "exits": summary.exits,
        "crisis": conservation.account(
            "safety-label", before, edges, (r for r in after if r.id in kept)
        ),
        "filters": digest,
        "ledger": summary,
    }
    records.write_json(metrics, figures)
    log.info(
        "labelled", **{name: len(found) for name, found in written.items()}, exits=summary.exits
    )


def _prepare(filters: Path, taken: frozenset[str], p: SafetyLabel) -> Callable[[Shard], _Done]:
    return partial(_label, Chain.load(filters), taken, p)


def _label(chain: Chain, taken: frozenset[str], p: SafetyLabel, shard: Shard) -> _Done:
    """Label the rows of a shard but the children that do not enter training."""
    done = _Done([], [], [], [], Tally())
    for row in shard.rows():
        done.before.append(Graded(row.id, records.crisis_severity(row)))
        if row.parent is not None and row.id not in taken:
            done.edges.append(safety_label.edge(row.id, "not_sampled"))
            continue
        labelled, way = safety_label.label(
            row,
            chain,
            drop_unsafe_replies=p.drop_unsafe_replies,
            max_toxic_reply_score=p.max_toxic_reply_score,
        )
        done.edges.append(safety_label.edge(row.id, way))
        if not way:
            done.lines.append((str(row.split), row.id, records.encode(labelled)))
            done.after.append(Graded(row.id, records.crisis_severity(labelled)))
            done.tally.add(labelled)
    return done


if __name__ == "__main__":
    stage.run(main)
