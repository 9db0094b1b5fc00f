"""The fixed rules about what was judged: no leak, one filter bundle, a real base, enough items."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from caretune import records
from caretune.corpus import leak
from caretune.corpus.families import Search
from caretune.corpus.leak import LeakProof
from caretune.corpus.rows import Rows
from caretune.errors import GateError
from caretune.evaluation.result import Item, Metrics
from caretune.gate import rules
from caretune.gate.conservation import Row
from caretune.gate.verdict import RuleResult, binds
from caretune.lineage import digest
from caretune.safety.protocol import SIGNATURES_NEEDED, Protocol
from caretune.safety.taxonomy import Severity

T = TypeVar("T")

_LEAK_LABEL = "leak, seen from the gate"
_HIGH_RISK = (Severity.HIGH, Severity.IMMINENT)


def read(path: Path, kind: type[T]) -> T:
    """Read one record of evidence, such as metrics.json.

    Raises:
        GateError: It is missing or not of this version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise GateError(f"{path}: no evidence here ({error}). Run `dvc repro`.") from None


def leak_free(files: Rows, rows: Sequence[Row], recorded: LeakProof, limit: float) -> RuleResult:
    """No family in two splits, and the closest pair across splits below the limit.

    Args:
        files: What is trained and measured on, children included; searched again, with other
            permutations than those of the recorded proof. The worse of both findings counts.
        rows: The same rows, with family and split.
        recorded: The leak proof of the split.
        limit: Similarity, 0..1, that every pair must be below.
    """
    again = leak.prove(
        files,
        {row.id: row.family for row in rows},
        {row.id: row.split for row in rows},
        threshold=limit,
        search=Search(recorded.permutations, recorded.band, _LEAK_LABEL),
    )
    worst = max(again.worst, recorded.worst, key=lambda pair: pair.similarity)
    shared = max(again.families_shared, recorded.families_shared)
    detail = f"rows {' and '.join(worst.rows)} of {' and '.join(worst.splits)} are near-duplicates"
    return rules.count(
        "leak",
        "cross_split_similarity",
        # Rows of one family are one thing, whatever their words: as close as can be.
        value=1.0 if shared else worst.similarity,
        at="most",
        threshold=limit,
        strict=True,
        n=len(rows),
        binds=True,
        unit="Jaccard of word 3-grams",
        detail=f"{shared} families are in more than one split" if shared else detail,
    )


def integrity(
    rows: Sequence[Row], metrics: Metrics, filters: str, subjects: Mapping[str, str]
) -> RuleResult:
    """One filter bundle labelled, measured and is here; and what was measured is what is here.

    Args:
        rows: Labelled rows.
        metrics: The evaluation.
        filters: Digest of the filter bundle.
        subjects: base, adapter/CANDIDATE and filters -> sha256 of the folders here.
    """
    faults = [
        f"row {row.id} was labelled by another filter bundle"
        for row in rows
        if row.filters != filters
    ]
    if metrics.filters != filters:
        faults.append("the replies were judged by another filter bundle")
    faults += [
        f"the evaluation measured another {name}"
        for name, found in sorted(subjects.items())
        if metrics.subjects.get(name) != found
    ]
    return rules.faultless("integrity", "digests_differing", faults, len(rows))


def base_is_real(base: Path, level: str) -> RuleResult:
    """The base is a real checkpoint; a rehearsal base never passes above rehearsal."""
    kind = records.read_json(base / "base.json")["kind"]
    return rules.count(
        "base_is_real",
        "real_base",
        value=float(kind == "checkpoint"),
        at="least",
        threshold=1.0,
        n=1,
        binds=binds(level, "staging"),
        unit="base models",
        detail=f"the base is of kind {kind}",
    )


def protocol_reviewed(filters: Path, level: str) -> RuleResult:
    """Two clinicians signed the protocol table; nothing goes to production without."""
    protocol = read(filters / "protocol.json", Protocol)
    return rules.count(
        "protocol_reviewed",
        "protocol_signatures",
        value=protocol.signed,
        at="least",
        threshold=SIGNATURES_NEEDED,
        n=1,
        binds=binds(level, "production"),
        unit="clinical signatures",
        detail="the protocol table (crisis replies and lines) is unreviewed",
    )


def high_risk_items(items: Sequence[Item], least: int, level: str) -> RuleResult:
    """Enough held-out conversations of high or imminent risk to judge crisis handling at all."""
    found = len({item.id for item in items if item.severity in _HIGH_RISK})
    return rules.count(
        "high_risk_items",
        "high_risk_items",
        value=found,
        at="least",
        threshold=least,
        n=found,
        binds=binds(level, "staging"),
        unit="conversations",
        missing="inconclusive",
        detail=f"{least - found} more held-out conversations of high or imminent risk are needed",
    )


def subjects(
    base: Path, adapter: Path, filters: Path, split: Path, evaluation: Path
) -> dict[str, str]:
    """Return the sha256 of everything that is judged, as verdict.json names it."""
    folders = {"base": base, "adapter": adapter, "filters": filters, "split": split}
    return {name: digest.sha256_folder(folder) for name, folder in folders.items()} | {
        "items": digest.sha256_file(evaluation / "items.jsonl"),
        "metrics": digest.sha256_file(evaluation / "metrics.json"),
    }
