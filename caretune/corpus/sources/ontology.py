"""Ontology tables (CSV, TSV): terms with a definition, a parent and other names.

Each term gives two rows with the same facts: category `concept`, in which one reply states the whole
concept, and category `question`, in which the facts come by question and answer. Their words are so
much alike that both end in one family. A term without a definition leaves by `no_definition`.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from caretune.corpus.sources import wording
from caretune.corpus.sources.raw import Rows
from caretune.errors import SourceError
from caretune.records import BadRow

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_COLUMNS = {
    "id": ("id", "iri", "curie", "term id"),
    "label": ("label", "name", "term", "preferred label"),
    "definition": ("definition", "description"),
    "parents": ("parents", "parent", "subclass of", "is a"),
    "synonyms": ("synonyms", "synonym", "alternative labels"),
}
_NEEDED = ("id", "label", "definition")
_ADDRESS = re.compile(r"\s*\(?https?://\S+")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Term(NamedTuple):
    """One term as its table tells it; `parents` are labels."""

    name: str
    definition: str
    parents: tuple[str, ...]
    synonyms: tuple[str, ...]


def read(path: Path) -> Rows:
    """Yield a concept row and a question row a term.

    Columns are found by their headers, in any case: ID, Label (or Name, Term) and Definition must be
    there; Parent(s), by id or by label, and Synonym(s) may be. Several values of a cell stand between
    `|`; synonyms also between `;` or `,`.

    Raises:
        SourceError: The file is no CSV or TSV by its name, or a column is missing.
    """
    cells = list(_cells(path))
    good = [row for _, row in cells if not isinstance(row, BadRow)]
    labels = {row["id"]: row["label"] for row in good}
    tag, whole = _tag(row["label"] for row in good)
    for line, row in cells:
        term = row if isinstance(row, BadRow) else _term(line, row, labels, tag, whole)
        if isinstance(term, BadRow):
            yield line, term
            continue
        yield line, wording.conversation("concept", _concept(term))
        yield line, wording.conversation("question", _question(term))


def _cells(path: Path) -> Iterator[tuple[int, dict[str, str] | BadRow]]:
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise SourceError(f"{path}: expected a .csv or .tsv file. Export the ontology as a table.")
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        reader = csv.reader(file, delimiter=delimiter)
        columns = _found(path, next(reader, []))
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, BadRow(line, "bad_field", str(error))
                continue
            if any(cell.strip() for cell in cells):
                yield line, _named(line, cells, columns)


def _found(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return column -> its place in the header."""
    names = [" ".join(name.casefold().replace("_", " ").split()) for name in header]
    found = {
        column: names.index(spelling)
        for column, spellings in _COLUMNS.items()
        for spelling in reversed(spellings)
        if spelling in names
    }
    missing = [column for column in _NEEDED if column not in found]
    if missing:
        raise SourceError(
            f"{path}: expected a header with {', '.join(_NEEDED)} and perhaps parents, synonyms; "
            f"missing: {', '.join(missing)}. Rename the columns, or check the delimiter."
        )
    return found


def _named(line: int, cells: Sequence[str], columns: Mapping[str, int]) -> dict[str, str] | BadRow:
    row = {}
    for column, place in columns.items():
        if place >= len(cells):
            if column in _NEEDED:
                return BadRow(line, "bad_field", f"the row ends before its column {column}")
            continue
        row[column] = " ".join(cells[place].split())
        if _SURROGATE.search(row[column]) or "\0" in row[column]:
            return BadRow(line, "bad_field", f"not UTF-8, or a NUL character, in column {column}")
    return row


def _tag(labels: Iterable[str]) -> tuple[str, str]:
    """Return the capital letters that end most labels ("... XYZ") and the label they stand for."""
    known = list(labels)
    last = [label.split()[-1] for label in known if len(label.split()) > 1]
    tag = max(sorted(set(last)), key=last.count, default="")
    if not tag.isupper() or 2 * last.count(tag) < len(known):
        return "", ""
    for label in known:
        if "".join(word[0] for word in label.split()).casefold() == tag.casefold():
            return tag, label
    return tag, tag


def _term(
    line: int, row: Mapping[str, str], labels: Mapping[str, str], tag: str, whole: str
) -> Term | BadRow:
    definition = _ADDRESS.sub("", row["definition"]).replace("<", "").replace(">", "").strip()
    if not row["label"]:
        return BadRow(line, "bad_field", "no text in column label")
    if not definition:
        return BadRow(line, "no_definition", "no text in column definition")
    parents = [labels.get(part, part) for part in _split(row.get("parents", ""), "|")]
    cell = row.get("synonyms", "")
    mark = next((mark for mark in "|;," if mark in cell), "|")
    return Term(
        row["label"].removesuffix(tag).strip() or row["label"],
        wording.sentence(_whole(definition, tag, whole)),
        # A parent that is an id of another table has no name here.
        tuple(_whole(parent, tag, whole) for parent in parents if not re.search(r"[_:]\d", parent)),
        tuple(_split(cell, mark)),
    )


def _split(cell: str, mark: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in cell.split(mark) if part.strip()))


def _whole(text: str, tag: str, whole: str) -> str:
    return re.sub(rf"\b{tag}\b", whole, text) if tag else text


def _facts(term: Term) -> list[tuple[str, str]]:
    """Return what is told of a term, each as (question, answer)."""
    told = [_asked(term, "question", "definition")]
    if term.parents:
        told.append(_asked(term, "parent_question", "parent"))
    if term.synonyms:
        told.append(_asked(term, "synonym_question", "synonym"))
    return told


def _asked(term: Term, question: str, answer: str) -> tuple[str, str]:
    said = {
        "X": wording.quoted(term.name),
        "D": term.definition,
        "Y": wording.quoted(term.parents[0]) if term.parents else "",
        "S": " or ".join(term.synonyms),
    }
    table = wording.table("ontology")
    asked, answered = (wording.fill(table[slot], slot, said) for slot in (question, answer))
    return asked, wording.sentence(answered)


def _concept(term: Term) -> list[tuple[str, str]]:
    """Return one exchange that states the whole concept."""
    asked, _ = _asked(term, "concept", "definition")
    return [(asked, " ".join(answer for _, answer in _facts(term)))]


def _question(term: Term) -> list[tuple[str, str]]:
    """Return the facts by question and answer; of a bare definition, the word is asked for."""
    facts = _facts(term)
    return facts if len(facts) > 1 else [_asked(term, "word_question", "word")]
