"""Simulated dialogues of a health coach and a participant, coded sentence by sentence.

JSON lines, one sheet each: `rows`, of which the first is the header with at least Speaker,
Utterance, Domain, Strategy1 and Strategy2. Speaker 1 is the coach, hence the assistant, and 2 the
participant. As measured on the 44 sheets of the release of 2021-07-29:

- An empty speaker cell goes on with the speaker above it (8 sheets; their filled cells alternate).
- In 1 sheet a spreadsheet filled the column down and counted on: 1, 2, 3, 4 to 15. There the spaces
  tell who speaks. Whoever cut turns into sentences left the space at the cut: in the 29 other sheets
  that have such spaces, 176 of 176 places with one lie within a turn, and 276 of 285 without one
  change the speaker. Read by eye, that sheet comes out right in all 15 sentences. A sheet that
  counts on and has no such space leaves by `bad_field`.
- Rows without an utterance are left out.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from caretune import records
from caretune.corpus.sources import raw
from caretune.corpus.sources.raw import RawConversation, Rows
from caretune.records import BadRow

_COLUMNS = ("Speaker", "Utterance", "Domain", "Strategy1", "Strategy2")
_COACH, _PARTICIPANT = "1", "2"
_ROLES = {_COACH: "assistant", _PARTICIPANT: "user"}
_OPENING = "Introduction"
_NONE = "None"


class _Sheet(msgspec.Struct):
    rows: list[list[str | int | float | None]]


class _Sentence(NamedTuple):
    speaker: str
    text: str
    domain: str
    strategies: list[str]


def read(path: Path) -> Rows:
    """Yield one conversation a sheet: the consecutive sentences of one speaker make one turn.

    `strategy` of an assistant turn is the distinct strategies of its sentences, sorted, as
    `Barrier, Goal`. The category is the domain of most sentences after the introduction.
    """
    for line, sheet in records.read_lenient(path, _Sheet):
        row = sheet if isinstance(sheet, BadRow) else _conversation(sheet)
        yield line, BadRow(line, "bad_field", row) if isinstance(row, str) else row


def _conversation(sheet: _Sheet) -> RawConversation | str:
    """Return the sheet as a conversation, or what is wrong with it."""
    header = sheet.rows[0] if sheet.rows else []
    missing = [name for name in _COLUMNS if name not in header]
    if missing:
        return f"expected a header with {', '.join(missing)} at $.rows[0]"
    sentences = list(_sentences(sheet.rows[1:], [header.index(name) for name in _COLUMNS]))
    speakers = _speakers(sentences)
    if speakers is None:
        return "expected the speaker 1 or 2 in the first column of $.rows"
    topics = Counter(said.domain for said in sentences if said.domain not in {"", _OPENING})
    spoken = (
        (_ROLES[speaker], said.text, said.strategies)
        for speaker, said in zip(speakers, sentences, strict=True)
    )
    return RawConversation(
        raw.join_turns(spoken),
        category=min(topics, key=lambda topic: (-topics[topic], topic), default=None),
    )


def _sentences(
    rows: Sequence[Sequence[str | int | float | None]], places: Sequence[int]
) -> Iterator[_Sentence]:
    for row in rows:
        cells = [
            "" if place >= len(row) or row[place] is None else str(row[place]) for place in places
        ]
        speaker, text, domain, *strategies = cells
        if text.strip():
            kept = [word.strip() for word in strategies if word.strip() not in {"", _NONE}]
            yield _Sentence(speaker.strip(), text, domain.strip(), kept)


def _speakers(sentences: Sequence[_Sentence]) -> list[str] | None:
    """Return who says each sentence; None where the sheet does not tell."""
    cells = [said.speaker for said in sentences]
    if not cells or cells[0] not in _ROLES:
        return None
    if all(cell in _ROLES or not cell for cell in cells):
        return _carried(cells)
    counted = cells == [str(number) for number in range(1, len(cells) + 1)]
    goes_on = [
        before.text[-1].isspace() or after.text[0].isspace()
        for before, after in pairwise(sentences)
    ]
    if not counted or not any(goes_on):
        return None
    other = {_COACH: _PARTICIPANT, _PARTICIPANT: _COACH}
    speakers = [cells[0]]
    for same in goes_on:
        speakers.append(speakers[-1] if same else other[speakers[-1]])
    return speakers


def _carried(cells: Sequence[str]) -> list[str]:
    speakers: list[str] = []
    for cell in cells:
        speakers.append(cell or speakers[-1])
    return speakers
