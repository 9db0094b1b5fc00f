"""Content ids: what a row is called, for ever; and keyed hashes: what a person is called."""

import hashlib
import hmac
from collections.abc import Sequence

from caretune import records
from caretune.lineage import digest
from caretune.records import Message

PUBLIC_PERSON_KEY = "caretune"
"""Key of the person hashes where the environment gives none: anybody can make these hashes."""

_HEX = 32


def content_id(source: str, messages: Sequence[Message]) -> str:
    """Return the first 32 hex digits of sha256 over canonical {source, messages: [{role, content}]}.

    The messages are those first normalised, before redaction; strategy and labels do not count.
    """
    value = {
        "source": source,
        "messages": [{"role": m.role, "content": m.content} for m in messages],
    }
    return digest.sha256_value(value)[:_HEX]


def key_mark(key: str) -> str:
    """Return a mark of a key, 32 hex digits, by which it is known again without being told."""
    return person_hash(key, "", "caretune")


def person_hash(key: str, source: str, name: str) -> str:
    """Return the keyed hash of a name in its source, 32 hex digits; case and spacing do not count.

    Args:
        key: Of HMAC-SHA256; who has it can find out whether a name they know is meant.
        source: The data source in which the name stands: one person has a hash in each.
        name: The name in clear.
    """
    text = f"{source}\n{' '.join(records.normalise_text(name).casefold().split())}"
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()[:_HEX]
