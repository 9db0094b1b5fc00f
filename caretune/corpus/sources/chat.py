"""Anybody's own data: JSONL with `messages` of role and content; `domain` and `category` if known."""

from pathlib import Path

import msgspec

from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows, read_jsonl


class _Chat(msgspec.Struct):
    messages: list[RawMessage]
    domain: str | None = None
    category: str | None = None


def read(path: Path) -> Rows:
    """Yield one conversation a line; every other field of a line is ignored."""
    return read_jsonl(
        path, _Chat, lambda row: RawConversation(row.messages, row.domain, row.category)
    )
