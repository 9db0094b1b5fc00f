"""What rows say: their words give their id, or are the raw row's with placeholders in them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from caretune.lineage import identity
from caretune.proof import reading
from caretune.proof.project import Fault, Project
from caretune.records import Message

# As caretune.safety.pii writes them: [NAME_1].
_PLACEHOLDER = re.compile(r"\[[A-Z_]+_\d+\]")


class _Said(msgspec.Struct, frozen=True):
    """A row as far as its id goes."""

    id: str
    source: str
    messages: list[Message]


def doubtful(path: Path) -> dict[str, list[Message]]:
    """Return the rows of a file whose words do not give their id: redacted, or altered."""
    rows = reading.rows(path, _Said)
    return {row.id: row.messages for row in rows if not _names(row)}


def children(project: Project) -> Iterator[Fault]:
    """Yield the augmented rows whose words do not give their id; nothing is redacted there."""
    for path in project.rows("augmented"):
        if wrong := tuple(doubtful(path)):
            yield Fault(str(path), "children whose words do not give their id", wrong)


def explained(messages: Sequence[Message], raw: Sequence[Message]) -> bool:
    """Tell whether placeholders alone make the messages differ from the raw ones."""
    return len(messages) == len(raw) and all(
        message.role == said.role and _covers(message.content, said.content)
        for message, said in zip(messages, raw, strict=True)
    )


def _names(row: _Said) -> bool:
    return identity.content_id(row.source, row.messages) == row.id


def _covers(text: str, raw: str) -> bool:
    """Tell whether a text is the raw one with placeholders for parts of it."""
    first, *middle = _PLACEHOLDER.split(text)
    if not middle:
        return text == raw
    *middle, last = middle
    at = len(first)
    if not raw.startswith(first):
        return False
    for piece in middle:
        found = raw.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(raw) - len(last) >= at and raw.endswith(last)
