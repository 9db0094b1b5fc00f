"""The one schema of dialogue rows, and JSONL in and out.

A row is a frozen `Conversation`; its fields are described in docs/formats.md. Text is normalised
once, at the door (`normalise_text`), and the content id is taken from that text, so that an id
never changes later, whatever is redacted or labelled.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TypeVar

import msgspec

from caretune.errors import CaretuneError, RecordError

Role = Literal["system", "user", "assistant"]
T = TypeVar("T")

# Messages of msgspec that quote only types and the schema's own field names.
_OWN_WORDS = ("Expected ", "Object missing required field ")
_PLACED = re.compile(r"(?P<said>.*?)(?P<place> - at `\$[a-z0-9_.\[\]]*`)?", re.DOTALL)


class Message(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One turn. `strategy` names the counselling strategy of an authored assistant turn."""

    role: Role
    content: str
    strategy: str | None = None


class Crisis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A crisis label: types and protective factors are sorted, severity and timeline are words.

    The allowed words stand in caretune.safety.taxonomy.
    """

    types: list[str] = []
    severity: str = "none"
    timeline: str = "none"
    protective: list[str] = []


class Gold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Labels as their author gave them; None where the author gave none."""

    crisis: Crisis | None = None


class FilterLabels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the filter bundle `digest` says of a conversation; kept apart from gold."""

    crisis: Crisis
    bias: list[str]
    toxic: bool
    inappropriate: list[str]
    pii: dict[str, int]
    digest: str


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an augmented child was made from its parent."""

    strategy: str
    version: int
    seed: int
    edits: list[str]
    pair: str | None = None
    """Name of a counterfactual pair: its two children differ in the client's background alone."""


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the client is in an authored dialogue."""

    age_band: str | None = None
    background: str | None = None


class Conversation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the corpus, from ingest to labelled."""

    id: str
    source: str
    license: str
    messages: list[Message]
    family: str | None = None
    parent: str | None = None
    operation: Operation | None = None
    split: str | None = None
    domain: str | None = None
    category: str | None = None
    difficulty: str | None = None
    client: Client | None = None
    person: str | None = None
    scores: dict[str, float] | None = None
    """Quality at the door, name -> 0..1 with 1.0 = best, such as naturalness; None where unscored."""
    style: list[str] | None = None
    """Marks of how the client speaks, sorted, where the source tells them (transcripts)."""
    gold: Gold | None = None
    filter: FilterLabels | None = None


class ExpertExample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One assistant reply with its context, for people to score; scores are null until they do."""

    id: str
    conversation: str
    family: str
    context: list[Message]
    reply: str
    scenario: str
    crisis: bool
    scores: dict[str, float] | None = None
    comment: str | None = None


class BadRow(NamedTuple):
    """A line that could not become a record; it leaves by a named exit, the run goes on."""

    line: int
    exit: str
    problem: str


def normalise_text(text: str) -> str:
    """Return NFC text with line feeds as line ends; the form from which ids are taken."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def problem(error: msgspec.ValidationError) -> str:
    """Return what msgspec found wrong, with `…` for what it quotes of the row; the path stays."""
    text = str(error)
    placed = _PLACED.fullmatch(text)
    if placed is None or text.startswith(_OWN_WORDS):
        return text
    return re.sub("[\"'`].*", "…", placed["said"], flags=re.DOTALL) + (placed["place"] or "")


def crisis_severity(conversation: Conversation) -> str | None:
    """Return the severity to be conserved: gold where present, else the filter's, else None."""
    if conversation.gold is not None and conversation.gold.crisis is not None:
        return conversation.gold.crisis.severity
    return conversation.filter.crisis.severity if conversation.filter is not None else None


def count(words: Iterable[str | None], absent: str = "unlabelled") -> Counter[str]:
    """Count the words of a field for a report; `absent` stands for the rows without one."""
    return Counter(word or absent for word in words)


def cross_count(pairs: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """Count pairs of words for a report, as a table: first word -> second word -> count."""
    table: dict[str, Counter[str]] = {}
    for row, column in pairs:
        table.setdefault(row, Counter())[column] += 1
    return table


def encode(record: Any) -> bytes:
    """Encode a value as canonical JSON: one line of UTF-8, sorted keys, no spaces, no newline."""
    return msgspec.json.encode(record, order="sorted")


def read(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the records of a JSONL file that a stage wrote; any bad line is an error.

    Raises:
        RecordError: A line is not a `kind`; the message ends in the path to the field.
        CaretuneError: The file does not exist.
    """
    for line, record in read_lenient(path, kind):
        if isinstance(record, BadRow):
            raise RecordError(str(path), line, record.problem)
        yield record


def read_lenient(path: Path, kind: type[T]) -> Iterator[tuple[int, T | BadRow]]:
    """Yield `(line number from 1, record or BadRow)` for every non-blank line of a JSONL file."""
    decoder = msgspec.json.Decoder(kind)
    if not path.exists():
        raise CaretuneError(f"{path}: no such file. Check the path, or run `dvc repro` to make it.")
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            line = raw.strip()
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line:
                continue
            try:
                yield number, decoder.decode(line)
            except msgspec.ValidationError as error:
                yield number, BadRow(number, "bad_field", problem(error))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                yield number, BadRow(number, "bad_json", str(error))


def write(path: Path, records: Iterable[Any]) -> int:
    """Write records as JSONL and return their count; the file appears whole or not at all."""
    return write_lines(path, (encode(record) + b"\n" for record in records))


def pretty(value: Any) -> bytes:
    """Encode one value as indented JSON with sorted keys and a final newline."""
    return msgspec.json.format(encode(value), indent=2) + b"\n"


def write_json(path: Path, value: Any) -> None:
    """Write one value as indented JSON with sorted keys and a final newline, whole or not at all."""
    write_lines(path, [pretty(value)])


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    write_lines(path, [text.encode()])


def read_json(path: Path) -> Any:
    """Read one JSON value that a stage wrote.

    Raises:
        CaretuneError: The file is missing or not JSON.
    """
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise CaretuneError(f"{path}: no such file. Run `dvc repro` to make it.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CaretuneError(f"{path}: not JSON ({error}). Delete it and run `dvc repro`.") from None


def write_lines(path: Path, lines: Iterable[bytes]) -> int:
    """Write lines that are already encoded and return their count; whole or not at all."""
    count = 0
    with replacing(path) as file:
        for line in lines:
            file.write(line)
            count += 1
    return count


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be written; it appears whole at the end, or not at all after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # One name, so that what a killed run leaves is overwritten by the next.
    half = path.with_name(f".{path.name}.part")
    try:
        with half.open("wb") as file:
            yield file
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
