"""split: families of rows into train, validation and test; the expert set; the leak proof."""

from collections import Counter
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from caretune import records
from caretune.cli import progress, stage
from caretune.corpus import conservation, expert, families, leak, pool
from caretune.corpus import split as splitting
from caretune.corpus.conservation import Graded
from caretune.corpus.contents import Contents
from caretune.corpus.families import Search
from caretune.corpus.rows import Rows
from caretune.corpus.split import SPLITS, Place
from caretune.lineage import digest
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.records import ExpertExample

log = structlog.get_logger()


def main(
    *,
    corpus: Path,
    out: Path,
    ledger: Path,
    leak_proof: Path,
    metrics: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Split the corpus by family, draw the expert set, prove that nothing leaks."""
    p = loader.load(params).split
    rows = Rows([corpus])
    with progress.rows("looking for families", len(rows)) as seen:
        search = families.searching(p.permutations, p.band, p.seed)
        family = families.assign(rows, least=p.near_duplicate_similarity, search=search, seen=seen)
    split = splitting.cut(
        family, seed=p.seed, train_rate=p.train_rate, validation_rate=p.validation_rate
    )
    offered = pool.run(
        lambda: partial(splitting.candidates, families=family, splits=split), rows.shards()
    )
    plan = expert.plan(
        (one for found in offered for one in found),
        seed=p.seed,
        size=p.expert_size,
        crisis_rate=p.expert_crisis_rate,
    )

    examples: list[ExpertExample] = []
    contents = {name: Contents() for name in SPLITS}
    at_risk: list[Graded] = []
    written: list[str] = []
    with ExitStack() as stack, progress.rows("writing splits", len(rows)) as seen:
        files = {name: stack.enter_context(records.replacing(_file(out, name))) for name in SPLITS}
        prepare = partial(partial, Place(family, split, plan.row_of, p.seed))
        for placed in pool.run(prepare, rows.shards()):
            for name in SPLITS:
                files[name].writelines(line for _, line in placed.lines[name])
                written += (row for row, _ in placed.lines[name])
                contents[name].merge(placed.contents[name])
            examples += placed.examples
            at_risk += placed.at_risk
            seen(sum(map(len, placed.lines.values())))
    records.write(_file(out, "expert"), sorted(examples, key=lambda example: example.id))
    _describe(
        out, {name: contents[name].total for name in SPLITS} | {"expert": len(examples)}, plan
    )

    with progress.rows("looking for leaks", len(rows)) as seen:
        proof = leak.prove(
            rows,
            family,
            split,
            threshold=p.near_duplicate_similarity,
            search=Search(p.permutations, p.band, f"leak {p.seed}"),
            seen=seen,
        )
    records.write_json(leak_proof, proof)
    example_of = {example.conversation: example.id for example in examples}
    edges = partial(splitting.edges, family, split, plan.row_of, example_of)
    row_ledger.check_conserved(edges(), family, [*written, *example_of.values()])
    severity = dict(at_risk)
    after = [Graded(row, severity.get(row)) for row in written]
    after += [Graded(made, severity.get(row)) for row, made in example_of.items()]
    stayed = {name: own for name, own in family.items() if own not in plan.row_of}
    figures: dict[str, Any] = {
        "cut": dict(sorted(Counter(split.values()).items())),
        "splits": {name: splitting.figures(contents[name], stayed, split, name) for name in SPLITS},
        "author_overlap": splitting.author_overlap(contents),
        "expert": plan.figures,
        "crisis": conservation.account("split", at_risk, edges(), after),
        "ledger": row_ledger.write(ledger, edges()),
    }
    records.write_json(metrics, figures)
    log.info("split", **figures["cut"], worst=proof.worst.similarity)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"


def _describe(out: Path, counts: dict[str, int], plan: expert.Plan) -> None:
    """Write the manifest of the folder: rows, bytes and sha256 of each file."""
    files = {
        _file(out, name).name: {
            "count": count,
            "bytes": _file(out, name).stat().st_size,
            "sha256": digest.sha256_file(_file(out, name)),
        }
        for name, count in counts.items()
    }
    records.write_json(out / "manifest.json", {"files": files, "expert": plan.figures})


if __name__ == "__main__":
    stage.run(main)
