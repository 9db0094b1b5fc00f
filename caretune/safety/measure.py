"""What the detectors decide on the labelled messages, heads by their held-out scores.

Decisions take every message's scores from the fold that did not see it; patterns were written
knowing the kind of these messages, so their share is not independent evidence.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from caretune import records
from caretune.safety import (
    appropriateness,
    bias,
    calibration,
    crisis,
    mistakes,
    normalise,
    scan,
    toxicity,
)
from caretune.safety.decision import (
    AppropriatenessFinding,
    BiasFinding,
    CrisisFinding,
    ToxicityFinding,
)
from caretune.safety.examples import HEADS, LabelledMessage
from caretune.safety.fit import Fitted
from caretune.safety.heads import Scores
from caretune.safety.mistakes import Judged, Mistake
from caretune.safety.patterns import Pattern
from caretune.safety.rates import detection, rate
from caretune.safety.scan import Hit
from caretune.safety.taxonomy import SEVERITIES, BiasType, CrisisType, Severity, severity_rank

_MODERATE, _HIGH = severity_rank(Severity.MODERATE), severity_rank(Severity.HIGH)
_REACHED = {"any": 1, "moderate": _MODERATE, "high": _HIGH}
_CALIBRATED: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    "severity/low": ("crisis", lambda label: severity_rank(label["severity"]) > 0),
    "severity/high": ("crisis", lambda label: severity_rank(label["severity"]) >= _HIGH),
    "toxic": ("toxicity", lambda label: bool(label["toxic"])),
    "bias": ("bias", lambda label: bool(label["types"])),
    "inappropriate": ("therapeutic", lambda label: not label["appropriate"]),
}


class Judgement(NamedTuple):
    """What each detector says of one text."""

    crisis: CrisisFinding
    toxicity: ToxicityFinding
    bias: BiasFinding
    fitness: AppropriatenessFinding


class Seen(NamedTuple):
    """A labelled message with its held-out scores and what each detector says of it."""

    row: LabelledMessage
    scores: dict[str, float]
    crisis: CrisisFinding
    toxicity: ToxicityFinding
    bias: BiasFinding
    fitness: AppropriatenessFinding
    identities: frozenset[str]
    """The identities (types of bias) that the message names."""

    @property
    def authored(self) -> int:
        """The rank of the authored severity."""
        return severity_rank(self.row.label["severity"])

    @property
    def rank(self) -> int:
        """The rank of the severity that was said."""
        return severity_rank(self.crisis.severity)


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
    return {
        "crisis": _crisis(seen["crisis"]),
        "toxicity": detection((i.row.label["toxic"], i.toxicity.toxic) for i in seen["toxicity"]),
        "bias": _bias(seen["bias"]),
        "appropriateness": detection(
            (not i.row.label["appropriate"], not i.fitness.appropriate) for i in seen["therapeutic"]
        ),
        "ordinary": {
            task: {
                name: rate(i.rank >= least for i in seen[task]) for name, least in _REACHED.items()
            }
            for task in ("bias", "pii")
        },
        "calibration": {
            head: calibration.measure(
                [item.scores[head] for item in seen[task]],
                [positive(item.row.label) for item in seen[task]],
            )
            for head, (task, positive) in _CALIBRATED.items()
        },
        "worst": _worst(seen),
    }


def _see(
    rows: Sequence[LabelledMessage], found: Sequence[Pattern], fitted: Fitted
) -> dict[str, list[Seen]]:
    scanner = scan.spoken(found)
    seen: dict[str, list[Seen]] = {}
    for row, chances in zip(rows, fitted.held_out[: len(rows)].tolist(), strict=True):
        hits = scanner.scan(normalise.normalise(row.text).folded.text)
        scores = dict(zip(HEADS, chances, strict=True))
        told = [hit.pattern for hit in hits if hit.pattern.family == "bias"]
        named = frozenset(pattern.type for pattern in told if pattern.component == "identity")
        item = Seen(row, scores, *judge(hits, scores, fitted.thresholds), named)
        seen.setdefault(row.task, []).append(item)
    return seen


def judge(hits: Sequence[Hit], scores: Scores, thresholds: Scores) -> Judgement:
    """Return what each detector says of a text with these hits and scores."""
    return Judgement(
        crisis.assess(hits, scores, thresholds).finding,
        toxicity.assess(hits, scores, thresholds),
        bias.assess(hits, scores, thresholds),
        appropriateness.assess(hits, scores, thresholds),
    )


def _crisis(seen: Sequence[Seen]) -> dict[str, Any]:
    return {
        "any": detection((item.authored > 0, item.rank > 0) for item in seen),
        "high": detection((item.authored >= _HIGH, item.rank >= _HIGH) for item in seen),
        "grave": _reached(item for item in seen if item.authored >= _HIGH),
        "by_severity": {
            str(word): _reached(item for item in seen if item.row.label["severity"] == word)
            for word in SEVERITIES
        },
        "by_type": {str(kind): _of_type(seen, kind) for kind in CrisisType},
        "confusion": records.cross_count(
            (item.row.label["severity"], item.crisis.severity) for item in seen
        ),
    }


def _reached(seen: Iterable[Seen]) -> dict[str, Any]:
    ranks = [item.rank for item in seen]
    return {name: rate(rank >= least for rank in ranks) for name, least in _REACHED.items()}


def _of_type(seen: Sequence[Seen], kind: CrisisType) -> dict[str, Any]:
    """Return how messages of a type are seen, and how often the type is named where it is not."""
    own = [item for item in seen if kind in item.row.label["types"]]
    return {
        "any": rate(item.rank > 0 for item in own),
        "high": rate(item.rank >= _HIGH for item in own if item.authored >= _HIGH),
        "named": rate(kind in item.crisis.types for item in own),
        "false_alarm_rate": rate(
            kind in item.crisis.types for item in seen if kind not in item.row.label["types"]
        ),
    }


def _bias(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return the detector's rates, and the alarms on harmless messages by the identity named."""
    flags = [(bool(item.row.label["types"]), bool(item.bias.types)) for item in seen]
    harmless = [item for item in seen if not item.row.label["types"]]
    alarms = {
        str(kind): rate(bool(item.bias.types) for item in harmless if kind in item.identities)
        for kind in BiasType
    }
    known = [alarm.value for alarm in alarms.values() if alarm.value is not None]
    found = detection(flags)
    return {
        "recall": found.recall,
        "false_alarm_rate": found.false_alarm_rate,
        "type_recall": rate(
            bool(set(item.bias.types) & set(item.row.label["types"]))
            for item in seen
            if item.row.label["types"]
        ),
        "false_alarm_rate_by_identity": alarms,
        "identity_gap": round(max(known) - min(known), 4) if known else None,
    }


def _worst(seen: dict[str, list[Seen]]) -> list[Mistake]:
    """Return the worst mistakes of the four detectors; a crisis counts its steps of severity."""
    crises = [
        Judged(i.row, i.row.label["severity"], i.crisis.severity, i.authored, i.rank, _low(i))
        for i in seen["crisis"]
    ]
    yes_or_no = {
        "toxicity": [
            _judged(i, "toxic", i.row.label["kind"], i.toxicity.kind) for i in seen["toxicity"]
        ],
        "bias": [_judged(i, "bias", i.row.label["level"], i.bias.level) for i in seen["bias"]],
        "appropriateness": [
            _judged(i, "inappropriate", i.row.label["violation"], i.fitness.violation)
            for i in seen["therapeutic"]
        ],
    }
    return [
        *mistakes.worst("crisis", crises),
        *(m for name, judged in yes_or_no.items() for m in mistakes.worst(name, judged)),
    ]


def _low(item: Seen) -> float:
    return item.scores["severity/low"]


def _judged(item: Seen, head: str, authored: str | None, said: str) -> Judged:
    word = authored or "none"
    return Judged(item.row, word, said, word != "none", said != "none", item.scores[head])
