"""The public counsel_chat table: a question and one counsellor's answer a row, in two releases.

The release of 2020-03-25 has answers in plain text and one topic a row; `counselchat-data.csv` has
them in HTML and a list of topics. The header tells which it is. In both, `questionID` is not used:
in the former, 18 ids name two different questions each and 9 questions stand under two ids. Rows of
one question find each other by its words.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from caretune.corpus.sources import files, markup
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.errors import SourceError
from caretune.records import BadRow


class _Release(NamedTuple):
    columns: tuple[str, ...]
    topic: str
    therapist: str
    answer: Callable[[str], str]


_TOLD = ("questionTitle", "questionText", "answerText")
_PLAIN = _Release((*_TOLD, "topic", "therapistInfo"), "topic", "therapistInfo", str.strip)
_MARKED = _Release((*_TOLD, "topics", "therapistName"), "topics", "therapistName", markup.to_text)
# Named before the others of a row: its domain depends on the one topic that is kept.
_SAFETY_TOPICS = ("self-harm", "domestic-violence")


def read(path: Path) -> Rows:
    """Yield one exchange a row: title and text of the question, then the answer.

    The counsellor's name travels as `person` to the door and no further; links are not read at all.

    Raises:
        SourceError: A column is missing.
    """
    release = _PLAIN

    def choose(header: Sequence[str]) -> Sequence[str]:
        nonlocal release
        release = _MARKED if "topics" in header else _PLAIN
        missing = [name for name in release.columns if name not in header]
        if missing:
            raise SourceError(
                f"{path}: expected a CSV header with {', '.join(release.columns)}; missing: "
                f"{', '.join(missing)}. Check the file, or choose another adapter in params.ingest."
            )
        return release.columns

    for line, row in files.csv_rows(path, choose):
        yield line, row if isinstance(row, BadRow) else _conversation(line, row, release)


def _conversation(line: int, row: dict[str, str], release: _Release) -> RawConversation | BadRow:
    parts = [row["questionTitle"].strip(), row["questionText"].strip()]
    question = "\n".join(part for part in dict.fromkeys(parts) if part)
    try:
        answer = release.answer(row["answerText"])
    except ValueError as error:
        return BadRow(line, "bad_field", f"{error} in column answerText")
    return RawConversation(
        messages=[RawMessage("user", question), RawMessage("assistant", answer)],
        category=_topic(row[release.topic]),
        person=row[release.therapist].strip() or None,
    )


def _topic(told: str) -> str | None:
    """Return one topic of a row, spelt as in the release of 2020-03-25: `grief-and-loss`.

    Of several it is the first, or a topic of safety where the row has one.
    """
    listed = [re.sub("[^a-z0-9]+", "-", topic.lower()).strip("-") for topic in told.split(",")]
    topics = [topic for topic in listed if topic]
    return next((topic for topic in _SAFETY_TOPICS if topic in topics), next(iter(topics), None))
