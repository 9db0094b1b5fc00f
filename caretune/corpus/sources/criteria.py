"""Criteria in plain text: a heading, a definition, lettered or numbered criteria; and so on.

    # Heading                     a line with `#`, or underlined with = or -; in a file that has
                                  neither, a short line of its own
    What it is, in a paragraph.
    A. The first criterion,       A. A) (A) 1. 1) (1) begin one; one that is indented deeper,
       which may go on.           or lettered among numbers, is a part of the one above
       1. A part of it.

Each section gives two rows with the same facts: category `concept`, in which one reply states all, and
category `question`, which asks for the definition and for every criterion. A section that lacks its
definition or its criteria leaves by `no_definition` or `no_criteria`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from caretune.corpus.sources import wording
from caretune.corpus.sources.raw import Rows
from caretune.errors import SourceError
from caretune.records import BadRow

_ENDINGS = (".txt", ".md")
_MARK = re.compile(r"^(?P<indent>\s*)[-*]?\s*\(?(?P<mark>[A-Za-z]|\d{1,2})[.)]\s+(?P<text>\S.*)$")
_HASHES = re.compile(r"^#{1,6}\s+(?P<text>\S.*?)\s*#*$")
_RULE = re.compile(r"^(?:={3,}|-{3,})\s*$")
_MOST_HEADING_WORDS = 10


class Section(NamedTuple):
    """One heading with what stands under it; `criteria` are (mark, text)."""

    line: int
    heading: str
    definition: str
    criteria: tuple[tuple[str, str], ...]


def read(path: Path) -> Rows:
    """Yield a concept row and a question row a section; the line is its heading's.

    Raises:
        SourceError: The file is not .txt or .md, not UTF-8, or has no heading.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise SourceError(f"{path}: expected a .txt or .md file. Save the text as one of these.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: not UTF-8 at byte {error.start}. Save the text as UTF-8."
        ) from None
    found = False
    for section in _sections(lines):
        found = True
        problem = _problem(section)
        if problem is not None:
            yield section.line, problem
            continue
        yield section.line, wording.conversation("concept", _concept(section))
        yield section.line, wording.conversation("question", _question(section))
    if not found:
        raise SourceError(f"{path}: no heading found. Put a line `# Name` above each definition.")


def _problem(section: Section) -> BadRow | None:
    if any(
        "\0" in text for text in (section.heading, section.definition, *sum(section.criteria, ()))
    ):
        return BadRow(section.line, "bad_field", "a NUL character in the section")
    if not section.definition:
        return BadRow(section.line, "no_definition", "no text between the heading and criterion A")
    if not section.criteria:
        return BadRow(section.line, "no_criteria", "no line that begins with A. or 1.")
    return None


def _sections(lines: Sequence[str]) -> Iterator[Section]:
    headings = {n: text for n in range(len(lines)) if (text := _marked_heading(lines, n))}
    if not headings:
        headings = {n: lines[n].strip() for n in range(len(lines)) if _is_plain_heading(lines, n)}
    places = list(headings)
    for place, end in zip(places, [*places[1:], len(lines)], strict=False):
        body = [line for line in lines[place + 1 : end] if not _RULE.match(line)]
        yield Section(place + 1, headings[place], *_parts(body))


def _marked_heading(lines: Sequence[str], number: int) -> str:
    """Return the heading on a line with `#` or a rule below it, else nothing."""
    hashes = _HASHES.match(lines[number])
    if hashes:
        return hashes["text"]
    below = lines[number + 1] if number + 1 < len(lines) else ""
    line = lines[number].strip()
    return line if _RULE.match(below) and not _MARK.match(line) else ""


def _is_plain_heading(lines: Sequence[str], number: int) -> bool:
    """Return whether a line is short, of its own, and no sentence and no criterion."""
    line = lines[number].strip()
    alone = number == 0 or not lines[number - 1].strip()
    short = 0 < len(line.split()) <= _MOST_HEADING_WORDS and line[-1] not in ".,;:?!"
    return alone and short and not _MARK.match(line)


def _parts(body: Sequence[str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the definition and the criteria of a section's lines."""
    definition: list[str] = []
    criteria: list[list[str]] = []  # mark, text, and the text's parts
    for line in body:
        match = _MARK.match(line)
        if match is None:
            (criteria[-1] if criteria else definition).append(line)
            continue
        indent, numbered = len(match["indent"]), match["mark"].isdigit()
        if not criteria:
            top = (indent, numbered)
        if criteria and (indent > top[0] or numbered != top[1]):
            criteria[-1].append(f"({match['mark']}) {match['text']}")
        else:
            criteria.append([match["mark"].upper(), match["text"]])
    joined = ((mark, " ".join(" ".join(text).split())) for mark, *text in criteria)
    return " ".join(" ".join(definition).split()), tuple(joined)


def _said(section: Section, slot: str, mark: str = "", text: str = "") -> str:
    listed = "\n".join(f"{mark}. {wording.sentence(said)}" for mark, said in section.criteria)
    said = {
        "X": wording.quoted(section.heading),
        "D": wording.sentence(section.definition),
        "M": mark,
        "C": wording.sentence(text),
        "L": listed,
    }
    return wording.fill(wording.table("criteria")[slot], slot, said)


def _concept(section: Section) -> list[tuple[str, str]]:
    """Return one exchange that states the definition and every criterion."""
    whole = f"{_said(section, 'definition')}\n\n{_said(section, 'criteria')}"
    return [(_said(section, "concept"), whole)]


def _question(section: Section) -> list[tuple[str, str]]:
    """Return the definition and every criterion by question and answer."""
    return [
        (_said(section, "question"), _said(section, "definition")),
        *(
            (_said(section, "criterion_question", *one), _said(section, "criterion", *one))
            for one in section.criteria
        ),
    ]
