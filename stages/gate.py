"""gate: the evidence against the rules of a level; the answer is data, not an exit code."""

from pathlib import Path

import msgspec
import structlog

from caretune import records
from caretune.cli import stage
from caretune.corpus.leak import LeakProof
from caretune.corpus.rows import Rows
from caretune.corpus.split import SPLITS
from caretune.evaluation.result import Item, Metrics
from caretune.gate import conservation, evidence, licence, rules
from caretune.gate import verdict as verdicts
from caretune.gate.rules import Rule
from caretune.params import loader
from caretune.safety.chain import Chain

log = structlog.get_logger()


def main(
    *,
    evaluation: Path,
    ledger: Path,
    corpus: Path,
    split: Path,
    augmented: Path,
    labelled: Path,
    leak_proof: Path,
    filters: Path,
    base: Path,
    adapters: Path,
    out: Path,
    params: Path = Path("params.yaml"),
) -> None:
    """Judge the candidate of params.gate and write the verdict."""
    p = loader.load(params).gate
    adapter = adapters / p.candidate / "best"
    subjects = evidence.subjects(
        base=base, adapter=adapter, filters=filters, split=split, evaluation=evaluation
    )
    measured = {
        "base": subjects["base"],
        "filters": subjects["filters"],
        f"adapter/{p.candidate}": subjects["adapter"],
    }
    metrics = evidence.read(evaluation / "metrics.json", Metrics)
    rows = conservation.read(corpus, split, augmented, labelled, ledger)
    proof = evidence.read(leak_proof, LeakProof)
    files = Rows([labelled / f"{name}.jsonl" for name in SPLITS])
    # What is in no labelled file, such as the expert set's conversations, stands in the corpus.
    licensed = Rows([corpus, *(labelled / f"{name}.jsonl" for name in SPLITS)])
    found = [
        conservation.ledger_conserved(rows),
        conservation.crisis_conserved(rows),
        evidence.leak_free(files, rows.labelled, proof, p.max_cross_split_similarity),
        licence.permits(licensed, p.intended_use),
        evidence.integrity(rows.labelled, metrics, Chain.load(filters).digest, measured),
        evidence.base_is_real(base, p.level),
        evidence.protocol_reviewed(filters, p.level),
        evidence.high_risk_items(
            list(records.read(evaluation / "items.jsonl", Item)), p.min_high_risk_items, p.level
        ),
        *(
            rules.judge(Rule(name, **rule.model_dump()), metrics, p.candidate, p.level)
            for name, rule in sorted(p.rules.items())
        ),
    ]
    verdict = verdicts.Verdict(
        level=p.level,
        result=verdicts.overall(found),
        rules=found,
        subjects=subjects,
        decoding=msgspec.to_builtins(metrics.decoding),
        fingerprint=metrics.fingerprint,
    )
    records.write_json(out, verdict)
    for rule in found:
        if rule.result != "pass":
            log.warning(rule.result, rule=rule.name, binds=rule.binds, detail=rule.detail)
    log.info("gate", level=verdict.level, result=verdict.result, candidate=p.candidate)


if __name__ == "__main__":
    stage.run(main)
