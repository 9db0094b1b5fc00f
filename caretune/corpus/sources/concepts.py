"""Psychology concept notes: each gives an exchange, and a concept row for whoever asks on.

The two are adapters of their own, so that params can weigh and cap them apart.
"""

from pathlib import Path

import msgspec

from caretune.corpus.sources import wording
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows, read_jsonl


class _Concept(msgspec.Struct):
    area: str
    question: str
    answer: str


class _Statement(_Concept):
    concept: str
    summary: str
    wrong_claim: str


def read(path: Path) -> Rows:
    """Yield one exchange a note; its area is the category, the domain comes from params."""
    return read_jsonl(path, _Concept, _conversation)


def read_statements(path: Path) -> Rows:
    """Yield one concept row a note: the exchange, then the usual wrong claim against the concept.

    The category is `concept`. The row opens with the note's own question, which makes it one family
    with the row that `read` gives.
    """
    return read_jsonl(path, _Statement, _statement)


def _conversation(row: _Concept) -> RawConversation:
    turns = [RawMessage("user", row.question), RawMessage("assistant", row.answer)]
    return RawConversation(turns, category=row.area)


def _statement(row: _Statement) -> RawConversation:
    said = {
        "X": row.concept,
        "S": wording.sentence(row.summary),
        "W": wording.sentence(row.wrong_claim),
    }
    table = wording.table("concepts")
    stated = [(row.question, row.answer)]
    stated.append(
        (wording.fill(table["ask"], "ask", said), wording.fill(table["state"], "state", said))
    )
    return wording.conversation("concept", stated)
