"""What the whole bundle finds in the labelled messages, heads by their held-out scores.

Decisions take every message's scores from the fold that did not see it; patterns were written
knowing the kind of these messages, so their share is not independent evidence.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from caretune.records import Message
from caretune.safety import appropriateness, bias, crisis, normalise, toxicity
from caretune.safety.chain import Chain
from caretune.safety.examples import HEADS, LabelledMessage
from caretune.safety.fit import Fitted
from caretune.safety.patterns import Pattern
from caretune.safety.scan import Hit, Scanner
from caretune.safety.taxonomy import SEVERITIES, PiiType, Severity, severity_rank

_HIGH = severity_rank(Severity.HIGH)
_REACHED = {"any": 1, "moderate": severity_rank(Severity.MODERATE), "high": _HIGH}


class LabelledTurns(msgspec.Struct, frozen=True):
    """One row of data/raw/conversations_crisis.jsonl."""

    turns: list[str]
    first_risk_turn: int | None
    max_severity: str
    types: list[str]
    shape: str


class Rates(NamedTuple):
    """Recall over positives and false alarms over negatives; 1.0 = all of them."""

    positives: int
    negatives: int
    recall: float | None
    false_alarm_rate: float | None


class _Seen(NamedTuple):
    """A labelled message with its hits and held-out scores."""

    row: LabelledMessage
    hits: list[Hit]
    scores: dict[str, float]


def decisions(
    rows: Sequence[LabelledMessage], found: Sequence[Pattern], fitted: Fitted
) -> dict[str, Any]:
    """Return recall and false alarms of each detector's final decision on its own task.

    Args:
        rows: The labelled messages, which are the first examples that were fitted, in their order.
        found: The patterns.
        fitted: The fitted heads.
    """
    seen = _see(rows, found, fitted)
    limits = fitted.thresholds

    def rank(item: _Seen) -> int:
        finding = crisis.assess(item.hits, item.scores, limits).finding
        return severity_rank(finding.severity)

    return {
        "crisis": _crisis(seen["crisis"], rank),
        "toxicity": _rates(
            seen["toxicity"],
            lambda item: bool(item.row.label["toxic"]),
            lambda item: toxicity.assess(item.hits, item.scores, limits).toxic,
        ),
        "bias": _bias(seen["bias"], limits),
        "appropriateness": _rates(
            seen["therapeutic"],
            lambda item: not item.row.label["appropriate"],
            lambda item: not appropriateness.assess(item.hits, item.scores, limits).appropriate,
        ),
        "ordinary": {
            task: {
                "any": _share(seen[task], lambda item: rank(item) > 0),
                "high": _share(seen[task], lambda item: rank(item) >= _HIGH),
                "n": len(seen[task]),
            }
            for task in ("bias", "pii")
        },
    }


def personal_data(rows: Sequence[LabelledMessage], chain: Chain) -> dict[str, Any]:
    """Return precision and recall by type; a span counts when it covers at least half of the truth."""
    truth, hit, said, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        spans = chain.redact(row.text).spans
        wanted = _wanted(row)
        truth.update(kind for kind, _, _ in wanted)
        said.update(span.type for span in spans)
        for kind, start, end in wanted:
            hit[kind] += any(
                span.type == kind and _overlap(span.start, span.end, start, end) for span in spans
            )
        for span in spans:
            right[span.type] += any(
                span.type == kind and _overlap(span.start, span.end, start, end)
                for kind, start, end in wanted
            )
    return {
        str(kind): {
            "n": truth[kind],
            "recall": _rate(hit[kind], truth[kind]),
            "precision": _rate(right[kind], said[kind]),
        }
        for kind in PiiType
    }


def sequences(rows: Sequence[LabelledTurns], chain: Chain) -> dict[str, Any]:
    """Return how conversations are judged; heads have not seen them, patterns' author has."""
    risky, found, timely, calm, alarms = 0, 0, 0, 0, 0
    for row in rows:
        decision = chain.scan_turns([Message("user", turn) for turn in row.turns])
        flagged = severity_rank(decision.crisis.severity) > 0
        if row.first_risk_turn is None:
            calm, alarms = calm + 1, alarms + flagged
            continue
        risky, found = risky + 1, found + flagged
        first = decision.turn.first if isinstance(decision.turn, msgspec.Struct) else None
        timely += first is not None and first <= row.first_risk_turn + 1
    return {
        "n": len(rows),
        "recall": _rate(found, risky),
        "recall_by_next_turn": _rate(timely, risky),
        "false_alarm_rate": _rate(alarms, calm),
    }


def _see(
    rows: Sequence[LabelledMessage], found: Sequence[Pattern], fitted: Fitted
) -> dict[str, list[_Seen]]:
    scanner = Scanner(pattern for pattern in found if pattern.family != "pii")
    seen: dict[str, list[_Seen]] = {}
    for row, chances in zip(rows, fitted.held_out[: len(rows)].tolist(), strict=True):
        hits = scanner.scan(normalise.normalise(row.text).folded.text)
        scores = dict(zip(HEADS, chances, strict=True))
        seen.setdefault(row.task, []).append(_Seen(row, hits, scores))
    return seen


def _crisis(seen: Sequence[_Seen], rank: Callable[[_Seen], int]) -> dict[str, Any]:
    ranks = [(severity_rank(item.row.label["severity"]), rank(item)) for item in seen]
    by_severity = {}
    for step, word in enumerate(SEVERITIES):
        seen_as = [said for true, said in ranks if true == step]
        reached = {
            name: _rate(sum(said >= least for said in seen_as), len(seen_as))
            for name, least in _REACHED.items()
        }
        by_severity[str(word)] = {"n": len(seen_as)} | reached
    return {
        "any": _counted([(t > 0, r > 0) for t, r in ranks])._asdict(),
        "high": _counted([(t >= _HIGH, r >= _HIGH) for t, r in ranks])._asdict(),
        "by_severity": by_severity,
    }


def _bias(seen: Sequence[_Seen], limits: dict[str, float]) -> dict[str, Any]:
    found = [(item, bias.assess(item.hits, item.scores, limits)) for item in seen]
    positives = [(item, finding) for item, finding in found if item.row.label["types"]]
    named = sum(
        bool(set(finding.types) & set(item.row.label["types"])) for item, finding in positives
    )
    rates = _counted([(bool(item.row.label["types"]), bool(f.types)) for item, f in found])
    return rates._asdict() | {"type_recall": _rate(named, len(positives))}


def _rates(
    seen: Sequence[_Seen], truth: Callable[[_Seen], bool], said: Callable[[_Seen], bool]
) -> dict[str, Any]:
    return _counted([(truth(item), said(item)) for item in seen])._asdict()


def _counted(pairs: Sequence[tuple[bool, bool]]) -> Rates:
    positives = [said for truth, said in pairs if truth]
    negatives = [said for truth, said in pairs if not truth]
    return Rates(
        len(positives),
        len(negatives),
        _rate(sum(positives), len(positives)),
        _rate(sum(negatives), len(negatives)),
    )


def _share(seen: Sequence[_Seen], said: Callable[[_Seen], bool]) -> float | None:
    return _rate(sum(said(item) for item in seen), len(seen))


def _rate(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def _wanted(row: LabelledMessage) -> list[tuple[str, int, int]]:
    """Find each labelled substring's span, the second of two equal ones behind the first."""
    position: Counter[str] = Counter()
    wanted = []
    for entity in row.label["entities"]:
        start = row.text.index(entity["text"], position[entity["text"]])
        end = start + len(entity["text"])
        position[entity["text"]] = end
        wanted.append((entity["type"], start, end))
    return wanted


def _overlap(start: int, end: int, other: int, until: int) -> bool:
    shared = min(end, until) - max(start, other)
    return 2 * shared >= max(until - other, 1)
