"""Psychology concept notes: the question and the answer of each note become a two-turn exchange."""

from pathlib import Path

import msgspec

from caretune import records
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.records import BadRow


class _Concept(msgspec.Struct):
    area: str
    question: str
    answer: str


def read(path: Path) -> Rows:
    """Yield one exchange a note; its area is the category, the domain comes from params."""
    for line, row in records.read_lenient(path, _Concept):
        if isinstance(row, BadRow):
            yield line, row
            continue
        turns = [RawMessage("user", row.question), RawMessage("assistant", row.answer)]
        yield line, RawConversation(messages=turns, category=row.area)
