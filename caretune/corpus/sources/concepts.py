"""Psychology concept notes: the question and the answer of each note become a two-turn exchange."""

from pathlib import Path

import msgspec

from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows, read_jsonl


class _Concept(msgspec.Struct):
    area: str
    question: str
    answer: str


def read(path: Path) -> Rows:
    """Yield one exchange a note; its area is the category, the domain comes from params."""
    return read_jsonl(path, _Concept, _conversation)


def _conversation(row: _Concept) -> RawConversation:
    turns = [RawMessage("user", row.question), RawMessage("assistant", row.answer)]
    return RawConversation(turns, category=row.area)
