"""What the filters make of labelled personal data, whole conversations and other people's sets."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import msgspec

from caretune.records import Message
from caretune.safety import measure, normalise, scan
from caretune.safety.chain import Chain
from caretune.safety.decision import AppropriatenessFinding, Decision
from caretune.safety.development import Row
from caretune.safety.examples import HEADS, LabelledMessage, entities
from caretune.safety.fit import Fitted
from caretune.safety.measure import Judgement
from caretune.safety.patterns import Pattern
from caretune.safety.rates import Detection, detection, rate
from caretune.safety.taxonomy import PiiType, Severity, severity_rank

_HIGH = severity_rank(Severity.HIGH)

QUESTIONS: dict[str, Callable[[Judgement], bool]] = {
    "risk": lambda found: severity_rank(found.crisis.severity) > 0,
    "grave": lambda found: severity_rank(found.crisis.severity) >= _HIGH,
    "toxic": lambda found: found.toxicity.toxic,
    "biased": lambda found: bool(found.bias.types),
    "stopped": lambda found: (
        found.toxicity.toxic or bool(found.bias.types) or not found.fitness.appropriate
    ),
}
"""Any crisis risk; high or imminent; toxic; biased; a reply that has any fault at all."""


class LabelledTurns(msgspec.Struct, frozen=True):
    """One row of data/raw/conversations_crisis.jsonl."""

    turns: list[str]
    first_risk_turn: int | None
    max_severity: str
    types: list[str]
    shape: str


class Heard(msgspec.Struct, frozen=True):
    """A conversation and what the chain said: the turn of the first alarm, and the worst rank."""

    row: LabelledTurns
    first: int | None
    rank: int

    @property
    def delay(self) -> int | None:
        """Turns from the first authored risk to the alarm: 0 at once, below 0 too early."""
        if self.first is None or self.row.first_risk_turn is None:
            return None
        return self.first - self.row.first_risk_turn


def personal_data(rows: Sequence[LabelledMessage], chain: Chain) -> dict[str, Any]:
    """Return recall and precision by type; a span counts when it covers at least half of the truth."""
    found: dict[str, list[bool]] = {kind: [] for kind in PiiType}
    right: dict[str, list[bool]] = {kind: [] for kind in PiiType}
    for row in rows:
        spans = [(span.type, span.start, span.end) for span in chain.redact(row.text).spans]
        wanted = entities(row)
        for truth in wanted:
            found[truth[0]].append(any(_covers(span, truth) for span in spans))
        for span in spans:
            right[span[0]].append(any(_covers(span, truth) for truth in wanted))
    return {
        str(kind): {"recall": rate(found[kind]), "precision": rate(right[kind])} for kind in PiiType
    }


def sequences(rows: Sequence[LabelledTurns], chain: Chain) -> dict[str, Any]:
    """Return how conversations are judged; heads have not seen them, patterns' author has.

    `turns_to_alarm` counts conversations with risk by their delay, as far as one was heard;
    `median_turns` is the middle one (0.0 = in the turn in which the risk is first spoken).
    """
    heard = [_hear(row, chain) for row in rows]
    risky = [item for item in heard if item.row.first_risk_turn is not None]
    delays = [item.delay for item in risky if item.delay is not None]
    grave = [item for item in risky if severity_rank(item.row.max_severity) >= _HIGH]
    shapes = sorted({item.row.shape for item in heard})
    return {
        "n": len(heard),
        "recall": rate(item.first is not None for item in risky),
        "recall_by_next_turn": rate(item.delay is not None and item.delay <= 1 for item in risky),
        "early_rate": rate(item.delay is not None and item.delay < 0 for item in risky),
        "high_recall": rate(item.rank >= _HIGH for item in grave),
        "false_alarm_rate": rate(i.first is not None for i in heard if i not in risky),
        "high_false_alarm_rate": rate(i.rank >= _HIGH for i in heard if i not in risky),
        "median_turns": float(median(delays)) if delays else None,
        "turns_to_alarm": {str(turns): delays.count(turns) for turns in sorted(set(delays))},
        "never": len(risky) - len(delays),
        "alarmed_by_shape": {
            shape: rate(item.first is not None for item in heard if item.row.shape == shape)
            for shape in shapes
        },
    }


def unseen(sets: Mapping[str, Sequence[Row]], chain: Chain) -> dict[str, dict[str, Detection]]:
    """Return how the chain answers other people's sets, of which it learned nothing."""
    return {
        name: _answers(
            rows, [_judged(chain.scan_message(row.text, row.role, row.context)) for row in rows]
        )
        for name, rows in sets.items()
    }


def held_out(
    sets: Mapping[str, Sequence[Row]], found: Sequence[Pattern], fitted: Fitted, first: int
) -> dict[str, dict[str, Detection]]:
    """Return how other people's sets are answered by the folds that did not see each row.

    Args:
        sets: The sets that were learned from, in the order in which they were.
        found: The patterns.
        fitted: The fitted heads.
        first: How many examples stood before the first set's first row.
    """
    scanner = scan.spoken(found)
    answers = {}
    for name, rows in sets.items():
        said = []
        for row, chances in zip(rows, fitted.held_out[first:].tolist(), strict=False):
            hits = scanner.scan(normalise.normalise(row.text).folded.text)
            scores = dict(zip(HEADS, chances, strict=True))
            said.append(measure.judge(hits, scores, fitted.thresholds))
        answers[name] = _answers(rows, said)
        first += len(rows)
    return answers


def _answers(rows: Sequence[Row], found: Sequence[Judgement]) -> dict[str, Detection]:
    """Return recall and false alarms of each question that the rows answer."""
    return {
        question: detection(
            (row.truth[question], answer(said))
            for row, said in zip(rows, found, strict=True)
            if question in row.truth
        )
        for question, answer in QUESTIONS.items()
        if any(question in row.truth for row in rows)
    }


def _judged(decision: Decision) -> Judgement:
    fitness = decision.appropriateness or AppropriatenessFinding()
    return Judgement(decision.crisis, decision.toxicity, decision.bias, fitness)


def _hear(row: LabelledTurns, chain: Chain) -> Heard:
    decision = chain.scan_turns([Message("user", turn) for turn in row.turns])
    first = decision.turn.first if isinstance(decision.turn, msgspec.Struct) else None
    return Heard(row, first, severity_rank(decision.crisis.severity))


def _covers(span: tuple[str, int, int], truth: tuple[str, int, int]) -> bool:
    shared = min(span[2], truth[2]) - max(span[1], truth[1])
    return span[0] == truth[0] and 2 * shared >= max(truth[2] - truth[1], 1)
