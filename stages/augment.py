"""augment: children of the train rows, by five strategies; none loses its parent's severity."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from caretune import records
from caretune.cli import progress, stage
from caretune.corpus import conservation, pool
from caretune.corpus.augment import figures, matrix, pipeline, traces
from caretune.corpus.augment.figures import Sample
from caretune.corpus.augment.pipeline import Recipe
from caretune.corpus.augment.traces import Trace
from caretune.corpus.conservation import Graded
from caretune.corpus.rows import Rows, Shard
from caretune.corpus.spool import Spool
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.safety.chain import Chain

log = structlog.get_logger()


class _Made(NamedTuple):
    """What became of a shard of parents."""

    parents: list[Graded]
    labelled: Counter[str]
    """Parents by gold severity."""
    traces: list[Trace]
    children: list[tuple[str, str, bytes]]
    """(id, parent, child as canonical JSON)."""
    sample: Sample


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
    recipe = Recipe(
        seed=p.seed,
        probabilities={
            "context_expansion": p.context_expansion,
            "crisis_scenarios": p.crisis_scenarios,
            "demographic_diversity": p.demographic_diversity,
            "dialogue_variation": p.dialogue_variation,
            "paraphrase": p.paraphrase,
        },
        max_children=p.max_children,
        context_mix={
            "therapeutic": p.context_mix.therapeutic,
            "emotional": p.context_mix.emotional,
            "goals": p.context_mix.goals,
        },
        crisis_mix={
            "routine": p.crisis_mix.routine,
            "moderate": p.crisis_mix.moderate,
            "hard": p.crisis_mix.hard,
            "crisis": p.crisis_mix.crisis,
        },
        counterfactual_rate=p.counterfactual_rate,
        max_parent_similarity=p.max_parent_similarity,
    )
    chain = Chain.load(filters)
    probed = matrix.self_test(recipe, conservation.scanner(chain))
    rows = Rows([train])
    parents: list[Graded] = []
    labelled: Counter[str] = Counter()
    tried: list[Trace] = []
    samples: list[Sample] = []
    made: list[tuple[str, str]] = []
    with Spool(out.parent) as spool:
        with progress.rows("augmenting", len(rows)) as seen:
            for shard in pool.run(partial(_prepare, filters, recipe), rows.shards()):
                parents += shard.parents
                labelled.update(shard.labelled)
                tried += shard.traces
                samples = [figures.merged([*samples, shard.sample])]
                for child, parent, line in shard.children:
                    spool.add(child, line)
                    made.append((child, parent))
                seen(len(shard.parents))
        tried = traces.without_duplicates(tried)
        kept = {(found.child, found.parent) for found in tried if found.child}
        gone = {number for number, child in enumerate(made) if child not in kept}
        written = spool.write(out, gone)
    ids = [parent.id for parent in parents]
    edges = partial(traces.edges, tried, ids)
    row_ledger.check_conserved(edges(), ids, written)
    graded = {found.child: traces.graded(found) for found in tried if found.child}
    after = [graded[child] for child in written]
    found = {
        **figures.figures(
            labelled,
            tried,
            figures.merged(samples),
            probabilities=recipe.probabilities,
            wanted_ratio=p.wanted_ratio,
        ),
        "conservation": {"probes": probed, "run": matrix.of(tried)},
        "crisis": conservation.account("augment", parents, edges(), after),
        "filters": chain.digest,
        "ledger": row_ledger.write(ledger, edges()),
    }
    records.write_json(metrics, found)
    log.info("augmented", train=len(ids), children=len(written), ratio=found["ratio"])


def _prepare(filters: Path, recipe: Recipe) -> Callable[[Shard], _Made]:
    return partial(_augment, recipe, conservation.scanner(Chain.load(filters)))


def _augment(recipe: Recipe, scan: conservation.Scan, shard: Shard) -> _Made:
    rows = list(shard.rows())
    attempts = list(pipeline.augment(rows, recipe, scan))
    return _Made(
        [Graded(row.id, records.crisis_severity(row)) for row in rows],
        Counter(map(traces.severity, rows)),
        list(traces.trace(attempts)),
        [(a.child.id, a.parent.id, records.encode(a.child)) for a in attempts if a.child],
        figures.sample(rows, attempts),
    )


if __name__ == "__main__":
    stage.run(main)
