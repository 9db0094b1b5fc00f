"""The adapter of criteria in plain text."""

import pytest

from caretune.corpus.sources import criteria
from caretune.errors import SourceError
from caretune.records import BadRow

TEXT = """# Weekend tinkering

Weekend tinkering is taking household objects apart on days off,
for the pleasure of seeing how they work.

A. On most weekends an object is opened that was not broken.
B. One of these comes with it:
   1. screws are left over and kept in a jar
   2. the kettle has been
      out of use for a day

C) The others at home were told it takes "only ten minutes".

Shelf sorting
-------------
Moving books about by a rule that changes every few months.

1. The rule is explained to visitors.
2. At least one shelf is left out.
   a. on purpose
"""


def write(tmp_path, text=TEXT, name="notes.md"):
    """Write a text and return its path."""
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_section_gives_a_concept_and_a_question_row(tmp_path):
    """Each heading gives two rows, under its own line."""
    rows = list(criteria.read(write(tmp_path)))
    assert [(line, row.category) for line, row in rows] == [
        (1, "concept"),
        (1, "question"),
        (14, "concept"),
        (14, "question"),
    ]


def test_the_concept_row_states_definition_and_criteria(tmp_path):
    """One reply holds the definition and every criterion; parts stay with theirs."""
    (_, row), *_ = criteria.read(write(tmp_path))
    assert len(row.messages) == 2
    first, *listed = row.messages[1].content.split("\n")
    assert first == (
        "Weekend tinkering is taking household objects apart on days off, "
        "for the pleasure of seeing how they work."
    )
    assert listed[-3:] == [
        "A. On most weekends an object is opened that was not broken.",
        (
            "B. One of these comes with it: (1) screws are left over and kept in a jar "
            "(2) the kettle has been out of use for a day."
        ),
        'C. The others at home were told it takes "only ten minutes".',
    ]


def test_the_question_row_asks_for_each_criterion(tmp_path):
    """The definition and each criterion is asked for by its mark."""
    row = list(criteria.read(write(tmp_path)))[3][1]
    assert [m.role for m in row.messages] == ["user", "assistant"] * 3
    assert "1" in row.messages[2].content
    assert row.messages[5].content.endswith("At least one shelf is left out. (a) on purpose.")


def test_short_lines_are_headings_where_none_is_marked(tmp_path):
    """In a file without marked headings, a short line of its own is one."""
    text = TEXT.replace("# ", "").replace("-------------\n", "")
    rows = list(criteria.read(write(tmp_path, text, "notes.txt")))
    assert [line for line, _ in rows] == [1, 1, 14, 14]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "# Lamp\nA. It glows.\n",
            BadRow(1, "no_definition", "no text between the heading and criterion A"),
            id="definition",
        ),
        pytest.param(
            "# Lamp\nA light.\n",
            BadRow(1, "no_criteria", "no line that begins with A. or 1."),
            id="criteria",
        ),
        pytest.param(
            "# Lamp\nA light.\nA. It gl\0ws.\n",
            BadRow(1, "bad_field", "a NUL character in the section"),
            id="nul",
        ),
    ],
)
def test_a_section_that_lacks_something_leaves_by_name(tmp_path, text, problem):
    """A section without its parts costs itself; the next one is read."""
    rows = list(criteria.read(write(tmp_path, f"\ufeff{text}{TEXT}")))
    assert rows[0] == (1, problem)
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("a.pdf", TEXT, r"a\.pdf: expected a \.txt or \.md file\. Save", id="ending"),
        pytest.param("a.txt", b"caf\xe9", r"a\.txt: not UTF-8 at byte 3\. Save", id="encoding"),
        pytest.param("a.txt", "", r"a\.txt: no heading found\. Put a line `# Name`", id="empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path, name, text, message):
    """Wrong ending, encoding or no heading: one sentence that says what to do."""
    with pytest.raises(SourceError, match=message):
        list(criteria.read(write(tmp_path, text, name)))
