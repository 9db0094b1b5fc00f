"""split: families of rows into train, validation and test; the expert set; the leak proof."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from caretune import records
from caretune.cli import stage
from caretune.corpus import expert, families, leak
from caretune.corpus import split as splitting
from caretune.lineage import digest
from caretune.lineage import ledger as row_ledger
from caretune.params import loader
from caretune.records import Conversation

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
    rows = list(records.read(corpus, Conversation))
    near = {"permutations": p.permutations, "seed": p.seed}
    family = families.assign(rows, least=p.near_duplicate_similarity, **near)
    split = splitting.cut(
        family, seed=p.seed, train_rate=p.train_rate, validation_rate=p.validation_rate
    )
    rows = splitting.place(rows, family, split)
    experts = expert.draw(rows, seed=p.seed, size=p.expert_size, crisis_rate=p.expert_crisis_rate)
    left, edges = splitting.leave(rows, experts.examples)
    files = {}
    contents: dict[str, Sequence[Any]] = {**left, "expert": experts.examples}
    for name, content in contents.items():
        path = out / f"{name}.jsonl"
        count, size = records.write(path, content), path.stat().st_size
        files[path.name] = {"count": count, "bytes": size, "sha256": digest.sha256_file(path)}
    expert_figures = {"wanted": experts.wanted, "found": experts.found}
    records.write_json(out / "manifest.json", {"files": files, "expert": expert_figures})
    proof = leak.prove(rows, threshold=p.near_duplicate_similarity, **near)
    records.write_json(leak_proof, proof)
    figures: dict[str, Any] = {
        "cut": dict(sorted(Counter(split.values()).items())),
        "splits": {name: splitting.figures(kept) for name, kept in left.items()},
        "author_overlap": splitting.author_overlap(rows),
        "expert": expert_figures,
        "ledger": row_ledger.write(ledger, edges),
    }
    records.write_json(metrics, figures)
    log.info("split", **figures["cut"], worst=proof.worst.similarity)


if __name__ == "__main__":
    stage.run(main)
