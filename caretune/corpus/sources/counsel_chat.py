"""The public counsel_chat table: a question and one counsellor's answer a row.

Its `questionID` is not used: in the release of 2020-03-25, 18 ids name two different questions each
and 9 questions stand under two ids. Rows of one question find each other by its words.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.errors import SourceError
from caretune.records import BadRow

_COLUMNS = ("questionTitle", "questionText", "topic", "therapistInfo", "answerText")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read(path: Path) -> Rows:
    """Yield one exchange a row: title and text of the question, then the answer.

    The counsellor's name travels as `person` to the door and no further; links are not read at all.

    Raises:
        SourceError: A column is missing.
    """
    # Bytes that are not UTF-8 become lone surrogates, so that they cost one row and not the file.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise SourceError(
                f"{path}: expected a CSV header with {', '.join(_COLUMNS)}; missing: "
                f"{', '.join(missing)}. Check the file, or choose another adapter in params.ingest."
            )
        yield from _rows(reader)


def _rows(reader: "csv.DictReader[str]") -> Rows:
    while True:
        line = reader.line_num + 1  # where the row starts; it may span many lines
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, BadRow(line, "bad_field", str(error))
            continue
        problem = _problem(row)
        yield line, _conversation(row) if problem is None else BadRow(line, "bad_field", problem)


def _problem(row: Mapping[str, str | None]) -> str | None:
    for name in _COLUMNS:
        text = row[name]
        if text is None:
            return f"the row ends before its column {name}"
        if _SURROGATE.search(text):
            return f"not UTF-8 in column {name}"
    return None


def _conversation(row: dict[str, str]) -> RawConversation:
    parts = [row["questionTitle"].strip(), row["questionText"].strip()]
    question = "\n".join(part for part in dict.fromkeys(parts) if part)
    return RawConversation(
        messages=[RawMessage("user", question), RawMessage("assistant", row["answerText"].strip())],
        category=row["topic"].strip() or None,
        person=row["therapistInfo"].strip() or None,
    )
