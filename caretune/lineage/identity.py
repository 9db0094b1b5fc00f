"""Content ids: what a row is called, for ever."""

from collections.abc import Sequence

from caretune.lineage import digest
from caretune.records import Message

_ID_HEX = 32


def content_id(source: str, messages: Sequence[Message]) -> str:
    """Return the first 32 hex digits of sha256 over canonical {source, messages: [{role, content}]}.

    The messages are those first normalised, before redaction; strategy and labels do not count.
    """
    value = {
        "source": source,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
    }
    return digest.sha256_value(value)[:_ID_HEX]
