"""Anybody's own data: JSONL with `messages` of role and content; `domain` and `category` if known."""

from pathlib import Path

import msgspec

from caretune import records
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.records import BadRow


class _Chat(msgspec.Struct):
    messages: list[RawMessage]
    domain: str | None = None
    category: str | None = None


def read(path: Path) -> Rows:
    """Yield one conversation a line; every other field of a line is ignored."""
    for line, row in records.read_lenient(path, _Chat):
        if isinstance(row, BadRow):
            yield line, row
            continue
        yield (
            line,
            RawConversation(messages=row.messages, domain=row.domain, category=row.category),
        )
