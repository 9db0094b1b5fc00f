"""Labelled messages as training examples: which heads each one teaches, and what.

A message teaches the heads of its own task, and the others a plain "no" where its own label rules
them out: a client who tells of grief is no example of toxicity. Such borrowed negatives bring the
false alarms on ordinary text down (crisis: from 21 % to 10 % of the bias and toxicity messages at
70 % recall), where the crisis set's own negatives are nearly all traps.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from caretune.records import Crisis, Message
from caretune.safety import bias
from caretune.safety.taxonomy import (
    SEVERITIES,
    BiasType,
    CrisisType,
    PiiType,
    Severity,
    ToxicityKind,
    Violation,
    severity_rank,
)


class LabelledMessage(msgspec.Struct, frozen=True):
    """One row of data/raw/messages_*.jsonl; the shape of `label` depends on `task`."""

    text: str
    role: str
    task: str
    label: dict[str, Any]
    hard_negative: bool
    note: str
    context: str | None = None


class LabelledDialogue(msgspec.Struct, frozen=True):
    """What training needs of a row of data/raw/dialogues.jsonl."""

    domain: str
    crisis: Crisis
    messages: list[Message]


class Example(NamedTuple):
    """A text with the heads that it teaches.

    Attributes:
        names: Where its names stand; None where nobody marked them.
        addresses: Where its addresses stand, likewise.
        group: Examples of one group stay in one fold, alike or not; None where likeness decides alone.
    """

    text: str
    context: str | None
    task: str
    labels: Mapping[str, bool]
    names: tuple[tuple[int, int], ...] | None = None
    addresses: tuple[tuple[int, int], ...] | None = None
    group: str | None = None


_CRISIS = [
    *(f"severity/{word}" for word in SEVERITIES[1:]),
    *(f"type/{kind}" for kind in CrisisType),
]
_TOXICITY = ["toxic", *(f"toxicity/{kind}" for kind in ToxicityKind if kind != "none")]
_BIAS = [
    "bias",
    *(f"bias/{kind}" for kind in BiasType),
    *(f"bias_level/{word}" for word in bias.LEVELS[2:]),
]
_FITNESS = ["inappropriate", *(f"violation/{kind}" for kind in Violation)]
HEADS = tuple(_CRISIS + _TOXICITY + _BIAS + _FITNESS)
"""Every head, in the order of the arrays."""

_ANCHORS = 10
_FAMILY = 10
_CALM_TOXICITY = frozenset({"none", "profanity", "insult", "sexual"})


def examples(rows: Iterable[LabelledMessage]) -> list[Example]:
    """Turn labelled messages into examples, in their order.

    Neighbours share a group: their authors wrote families of like messages side by side.
    """
    return [
        Example(
            row.text,
            row.context,
            row.task,
            _labels(row),
            _marked(row, PiiType.NAME),
            _marked(row, PiiType.ADDRESS),
            group=f"{row.task} {number // _FAMILY}",
        )
        for number, row in enumerate(rows)
    ]


def calm_dialogues(rows: Iterable[LabelledDialogue]) -> list[Example]:
    """Turn what clients say in dialogues without any danger into negatives of crisis, toxicity and bias.

    Dialogues about bias may hold some. Ordinary counselling is what the labelled messages lack:
    without these, 32 % of 250 public counselling questions were judged high or above, with them
    7 % (docs/log.md).
    """
    labels = dict.fromkeys(_CRISIS + _TOXICITY, False)
    unbiased = labels | dict.fromkeys(_BIAS, False)
    return [
        Example(
            " ".join(m.content for m in row.messages if m.role == "user"),
            None,
            "dialogue",
            labels if row.domain == "bias_awareness" else unbiased,
        )
        for row in rows
        if row.crisis.severity == Severity.NONE and row.domain != "crisis_safety"
    ]


def fit_replies(rows: Iterable[LabelledDialogue]) -> list[Example]:
    """Turn one reply of each dialogue, in its context, into a negative of unfitness and malice.

    The labelled replies answer one message each, many of them traps; without these, 16 % of the
    authored dialogues' replies were judged unfit, with them 4 %; every other reply as a negative gives
    3 %, and finds 10 % fewer of the unfit ones (docs/log.md).
    """
    labels = dict.fromkeys(_FITNESS + _TOXICITY + _BIAS, False)
    found = []
    for number, row in enumerate(rows):
        pairs = [
            (said.content, answer.content)
            for said, answer in pairwise(row.messages)
            if answer.role == "assistant"
        ]
        said, answer = pairs[number % len(pairs)]
        found.append(Example(answer, said, "dialogue", labels))
    return found


def small_talk(user: Iterable[str], assistant: Iterable[str]) -> list[Example]:
    """Turn short harmless messages and replies into negatives: of two words no head is sure.

    The empty text, ten times over, anchors what is said of words that were never seen.
    """
    said = dict.fromkeys(_CRISIS + _TOXICITY + _BIAS, False)
    replied = dict.fromkeys(_TOXICITY + _BIAS + _FITNESS, False)
    return [
        *(Example(text, None, "small_talk", said) for text in user),
        *(Example(text, None, "small_talk", replied) for text in assistant),
        *(Example("", None, "small_talk", said | replied) for _ in range(_ANCHORS)),
    ]


def entities(row: LabelledMessage) -> list[tuple[str, int, int]]:
    """Return type, start and end of each labelled entity, the second of two equal ones behind the first."""
    position: dict[str, int] = {}
    found = []
    for entity in row.label["entities"]:
        text = entity["text"]
        start = row.text.index(text, position.get(text, 0))
        position[text] = start + len(text)
        found.append((entity["type"], start, position[text]))
    return found


def _marked(row: LabelledMessage, wanted: PiiType) -> tuple[tuple[int, int], ...] | None:
    if row.task != "pii":
        return None
    return tuple((start, end) for kind, start, end in entities(row) if kind == wanted)


def _labels(row: LabelledMessage) -> dict[str, bool]:
    label = row.label
    if row.task == "crisis":
        labels = _crisis(label) | dict.fromkeys(_BIAS, False)
        calm = "agitation" not in label["types"]
        return labels | (dict.fromkeys(_TOXICITY, False) if calm else {})
    if row.task == "toxicity":
        labels = {"toxic": label["toxic"]} | {
            head: label["kind"] == head.removeprefix("toxicity/") for head in _TOXICITY[1:]
        }
        return labels | _borrowed(row, _CRISIS, label["kind"] in _CALM_TOXICITY)
    if row.task == "bias":
        return _bias(label) | _borrowed(row, _CRISIS, ruled_out=True)
    if row.task == "therapeutic":
        kind = label["violation"]
        labels = {f"violation/{name}": kind == name for name in Violation}
        labels["inappropriate"] = not label["appropriate"]
        return labels | (dict.fromkeys(_TOXICITY + _BIAS, False) if label["appropriate"] else {})
    return dict.fromkeys(_TOXICITY + _BIAS + _CRISIS, False)


def _crisis(label: dict[str, Any]) -> dict[str, bool]:
    rank = severity_rank(label["severity"])
    at_least = {f"severity/{word}": rank >= step for step, word in enumerate(SEVERITIES) if step}
    return at_least | {f"type/{kind}": kind in label["types"] for kind in CrisisType}


def _bias(label: dict[str, Any]) -> dict[str, bool]:
    level = bias.LEVELS.index(label["level"])
    labels = {"bias": level > 0} | {f"bias/{kind}": kind in label["types"] for kind in BiasType}
    if level:
        labels |= {
            f"bias_level/{word}": level >= step for step, word in enumerate(bias.LEVELS) if step > 1
        }
    return labels


def _borrowed(row: LabelledMessage, heads: list[str], ruled_out: bool) -> dict[str, bool]:
    """Return plain negatives: for a client's text those heads, for a harmless reply its fitness."""
    if row.role == "user":
        return dict.fromkeys(heads, False) if ruled_out else {}
    harmless = row.label.get("kind", row.label.get("level")) == "none"
    return dict.fromkeys(_FITNESS, False) if harmless else {}
