"""Anybody's own data: chat rows in JSON lines, a JSON array, CSV or Parquet, in any of three shapes.

| shape | fields of a row |
|---|---|
| messages | `messages`: list of `{role, content, strategy?}` |
| ShareGPT | `conversations`: list of `{from, value}`, where `human` is the user and `gpt` the assistant |
| exchange | `instruction` or `prompt`, perhaps `input`; `response`, `output` or `completion` |

A row is taken in the first shape whose fields it has. `domain`, `category` and `difficulty` are kept
where a row has them, every other field is ignored. Lists may be written as JSON in a string, as a
table of text (CSV) needs it. What a conversation must be is judged at the door, not here.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from caretune import records
from caretune.corpus.sources import files
from caretune.corpus.sources.raw import RawConversation, RawMessage, Rows
from caretune.errors import SourceError
from caretune.records import BadRow

_ROLES = {"human": "user", "gpt": "assistant"}
_LISTS = ("messages", "conversations")
_QUESTIONS = ("instruction", "prompt")
_REPLIES = ("response", "output", "completion")
_EXCHANGE = (*_QUESTIONS, "input", *_REPLIES)
_ALWAYS = ("domain", "category", "difficulty")
_SHAPES = (
    "messages, or conversations, or instruction (or prompt) with response (or output or completion)"
)


class _Turn(msgspec.Struct):
    speaker: str = msgspec.field(name="from")
    value: str


class _Row(msgspec.Struct):
    messages: list[RawMessage] | None = None
    conversations: list[_Turn] | None = None
    instruction: str | None = None
    prompt: str | None = None
    input: str | None = None
    response: str | None = None
    output: str | None = None
    completion: str | None = None
    domain: str | None = None
    category: str | None = None
    difficulty: str | None = None


_DECODER = msgspec.json.Decoder(_Row)


def read(path: Path) -> Rows:
    """Yield one conversation a row; the suffix says the format, and `.gz` that it is compressed.

    Raises:
        SourceError: The suffix or the file is none of these formats, or no row has a known shape.
    """
    shapeless = fitting = 0
    for line, told in _open(path):
        row = told if isinstance(told, BadRow) else _conversation(line, told)
        if row is None:
            shapeless += 1
            row = BadRow(line, "bad_field", f"expected {_SHAPES}")
        elif row is not told and getattr(row, "exit", None) != "bad_json":
            fitting += 1
        yield line, row
    if shapeless and not fitting:
        raise _no_shape(path, f"none of its {shapeless} rows has them")


def _open(path: Path) -> Iterator[tuple[int, bytes | dict[str, Any] | BadRow]]:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".jsonl"):
        return files.json_lines(path)
    if name.endswith(".json"):
        return files.json_array(path)
    if name.endswith(".csv"):
        return files.csv_rows(path, partial(_columns, path))
    if name.endswith(".parquet"):
        return files.parquet_rows(path, partial(_columns, path))
    raise SourceError(
        f"{path}: expected a name that ends in .jsonl, .json, .csv (each perhaps with .gz) or "
        ".parquet. Rename the file, or choose another adapter in params.ingest."
    )


def _columns(path: Path, header: Sequence[str]) -> Sequence[str]:
    """Return the columns to read; the header is never quoted, since it may be somebody's text."""
    known = [name for name in (*_LISTS, *_EXCHANGE) if name in header]
    exchange = set(_QUESTIONS).intersection(known) and set(_REPLIES).intersection(known)
    if not exchange and not set(_LISTS).intersection(known):
        raise _no_shape(path, f"of these it has {', '.join(known) or 'none'}")
    return [*known, *(name for name in _ALWAYS if name in header)]


def _no_shape(path: Path, found: str) -> SourceError:
    return SourceError(
        f"{path}: expected the fields {_SHAPES}; {found}. Rename the fields, or choose another "
        "adapter in params.ingest."
    )


def _conversation(line: int, told: bytes | dict[str, Any]) -> RawConversation | BadRow | None:
    """Return the row as a conversation; None where it has none of the shapes."""
    try:
        row = _row(told)
    except msgspec.ValidationError as error:
        return BadRow(line, "bad_field", records.problem(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return BadRow(line, "bad_json", str(error))
    except RecursionError:
        return BadRow(line, "bad_json", "nested too deeply")
    messages = _messages(row)
    if messages is None:
        return None
    return RawConversation(messages, row.domain, row.category or None, row.difficulty or None)


def _row(told: bytes | dict[str, Any]) -> _Row:
    """Return the fields of a row: at once, or by its shape alone where another field is in the way.

    A file with `messages` may well have a field `input` of its own, which is then no business of ours.
    """
    if isinstance(told, dict):
        return msgspec.convert(_needed(told), _Row)
    try:
        return _DECODER.decode(told)
    except msgspec.ValidationError:
        return msgspec.convert(_needed(msgspec.json.decode(told)), _Row)


def _needed(told: Any) -> Any:
    """Return the fields of the first shape that the row has, lists decoded where they are text."""
    if not isinstance(told, dict):
        return told
    shape = next(((name,) for name in _LISTS if told.get(name) not in (None, "")), _EXCHANGE)
    fields = {name: told[name] for name in (*shape, *_ALWAYS) if told.get(name) is not None}
    for name in _LISTS:
        if isinstance(fields.get(name), str):
            try:
                fields[name] = msgspec.json.decode(fields[name])
            except msgspec.DecodeError:
                raise msgspec.ValidationError(f"Expected a list as JSON - at `$.{name}`") from None
    return fields


def _messages(row: _Row) -> list[RawMessage] | None:
    if row.messages is not None:
        return row.messages
    if row.conversations is not None:
        return [RawMessage(_ROLES.get(t.speaker, t.speaker), t.value) for t in row.conversations]
    question = _first(row.instruction, row.prompt)
    reply = _first(row.response, row.output, row.completion)
    if question is None or reply is None:
        return None
    asked = f"{question}\n{row.input}" if row.input else question
    return [RawMessage("user", asked), RawMessage("assistant", reply)]


def _first(*texts: str | None) -> str | None:
    """Return the first text that is not empty, else an empty one where there is any, else None."""
    told = [text for text in texts if text is not None]
    return next(filter(None, told), "") if told else None
