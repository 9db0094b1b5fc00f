"""The worst mistakes of the filters, by record id: what to read first, never the text itself."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from caretune import records
from caretune.lineage import identity
from caretune.records import Message
from caretune.safety.examples import LabelledMessage

_EACH = 6


class Judged(NamedTuple):
    """A labelled message and what became of it, as words and as ranks (0 = nothing there).

    `score` is the probability of the head that stands behind the decision, from a fold that did
    not see the message.
    """

    row: LabelledMessage
    authored: str
    said: str
    authored_rank: int
    said_rank: int
    score: float


class Mistake(msgspec.Struct, frozen=True):
    """One mistake: `missed` was judged milder than authored, `false_alarm` graver."""

    id: str
    detector: str
    error: str
    authored: str
    said: str
    score: float


def record_id(row: LabelledMessage) -> str:
    """Return a labelled message's content id: its task as source, its context as the turn before."""
    turns = [Message("user", row.context)] if row.context else []
    turns.append(Message("assistant" if row.role == "assistant" else "user", row.text))
    plain = [Message(turn.role, records.normalise_text(turn.content)) for turn in turns]
    return identity.content_id(row.task, plain)


def worst(detector: str, judged: Iterable[Judged]) -> list[Mistake]:
    """Return the six worst misses and false alarms: the most steps apart, then the surest."""
    wrong = [item for item in judged if item.authored_rank != item.said_rank]
    missed = [item for item in wrong if item.said_rank < item.authored_rank]
    alarms = [item for item in wrong if item.said_rank > item.authored_rank]
    return [
        Mistake(record_id(i.row), detector, error, i.authored, i.said, round(i.score, 4))
        for error, found, sign in (("missed", missed, 1), ("false_alarm", alarms, -1))
        for i in sorted(found, key=lambda item: (_gap(item), sign * item.score, item.row.text))[
            :_EACH
        ]
    ]


def _gap(item: Judged) -> int:
    return -abs(item.authored_rank - item.said_rank)
