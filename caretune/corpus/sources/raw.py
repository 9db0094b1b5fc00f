"""What an adapter hands to the door: a row as its source tells it, nothing checked but its shape."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

import msgspec

from caretune import records
from caretune.records import BadRow, Client, Gold

T = TypeVar("T")


class RawMessage(msgspec.Struct, frozen=True):
    """One turn; the role is any word until the door has looked at it. Other fields are ignored."""

    role: str
    content: str
    strategy: str | None = None


class RawConversation(msgspec.Struct, frozen=True):
    """A conversation before it has an id.

    `domain` is None where the source names none: the table in params then gives it by `category`.
    `person` is a name in clear; the door keeps its keyed hash alone.
    """

    messages: list[RawMessage]
    domain: str | None = None
    category: str | None = None
    difficulty: str | None = None
    client: Client | None = None
    gold: Gold | None = None
    person: str | None = None
    scores: dict[str, float] | None = None
    style: list[str] | None = None


Rows = Iterator[tuple[int, RawConversation | BadRow]]
"""`(line number from 1, row)`: what every adapter yields; of a format without lines, the row's."""


def read_jsonl(path: Path, kind: type[T], conversation: Callable[[T], RawConversation]) -> Rows:
    """Yield the rows of a JSONL file: each line a `kind`, which `conversation` turns into a row."""
    for line, row in records.read_lenient(path, kind):
        yield line, row if isinstance(row, BadRow) else conversation(row)


def join_turns(sentences: Iterable[tuple[str, str, Iterable[str]]]) -> list[RawMessage]:
    """Join the consecutive sentences of one speaker to turns.

    Args:
        sentences: `(role, text, codes)` in order; a sentence without text is left out.

    Returns:
        One message a turn, sentences apart by a space. `strategy` is, of an assistant turn alone,
        its distinct codes, sorted and apart by `, `; None where it has none.
    """
    spoken = [(role, text.strip(), codes) for role, text, codes in sentences if text.strip()]
    turns = []
    for role, group in groupby(spoken, key=itemgetter(0)):
        said = list(group)
        codes = sorted({code for _, _, own in said for code in own}) if role == "assistant" else []
        content = " ".join(text for _, text, _ in said)
        turns.append(RawMessage(role, content, ", ".join(codes) or None))
    return turns
