"""The adapter of the public counsel_chat table."""

import csv
import os
from pathlib import Path

import pytest

from caretune.corpus.sources import counsel_chat
from caretune.errors import SourceError
from caretune.records import BadRow
from tests.fixtures.corpus import door, source

HEADER = [
    "questionID",
    "questionTitle",
    "questionText",
    "questionLink",
    "topic",
    "therapistInfo",
    "therapistURL",
    "answerText",
]
ROW = ["7", "Tired?", "I am\nso tired.", "https://a.example/q", "stress", "Jo Doe, LPC"]
ANSWERED = [*ROW, "https://a.example/jo", "Rest a while."]


def table(tmp_path, *rows, header=HEADER):
    """Write rows as a counsel_chat table."""
    path = tmp_path / "counsel.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_title_and_text_make_the_question(tmp_path):
    """The user turn is the title, then the text; the topic is the category."""
    ((line, row),) = counsel_chat.read(table(tmp_path, ANSWERED))
    assert line == 2
    assert [m.content for m in row.messages] == ["Tired?\nI am\nso tired.", "Rest a while."]
    assert row.category == "stress"


def test_a_title_that_repeats_the_text_comes_once(tmp_path):
    """A question whose text is its title is not said twice."""
    ((_, row),) = counsel_chat.read(table(tmp_path, [*ANSWERED[:2], "Tired?", *ANSWERED[3:]]))
    assert row.messages[0].content == "Tired?"


def test_lines_are_counted_through_quoted_line_breaks(tmp_path):
    """A row is named by the line it starts on, though rows span many."""
    rows = list(counsel_chat.read(table(tmp_path, ANSWERED, ANSWERED)))
    assert [line for line, _ in rows] == [2, 4]


def test_a_missing_column_is_named(tmp_path):
    """A table without a needed column is refused in one sentence that names the column."""
    path = table(tmp_path, ANSWERED[:-1], header=HEADER[:-1])
    with pytest.raises(SourceError, match=r"missing: answerText\. Check the file"):
        list(counsel_chat.read(path))


def test_a_short_row_is_a_bad_field(tmp_path):
    """A row that ends early leaves by `bad_field`, which names the column."""
    ((_, row),) = counsel_chat.read(table(tmp_path, ROW))
    assert row == BadRow(2, "bad_field", "the row ends before its column answerText")


def test_bytes_that_are_not_utf8_cost_one_row(tmp_path):
    """One row with broken bytes leaves by name; the row after it is read."""
    path = table(tmp_path, ANSWERED, ANSWERED)
    path.write_bytes(path.read_bytes().replace(b"Rest", b"R\xe9st", 1))
    first, second = (row for _, row in counsel_chat.read(path))
    assert first == BadRow(2, "bad_field", "not UTF-8 in column answerText")
    assert second.messages[1].content == "Rest a while."


def test_names_and_links_stop_at_the_door(tmp_path):
    """Past the door there is a keyed hash for the counsellor, no name and no link."""
    (row,) = door().rows([source(table(tmp_path, ANSWERED), "counsel_chat")])
    assert len(row.person) == 32
    assert "Doe" not in str(row)
    assert "example" not in str(row)


def test_an_empty_answer_is_a_named_exit(tmp_path):
    """A question without an answer leaves by `empty`."""
    opened = door(max_bad_rate=1.0)
    assert not list(opened.rows([source(table(tmp_path, [*ANSWERED[:-1], " "]), "counsel_chat")]))
    (edge,) = opened.edges
    assert edge.exit == "empty"
    assert edge.detail == "counsel.csv line 2: no text at $.messages[1].content"


def test_the_real_table_is_read_whole():
    """All 2,129 answers of the release of 2020-03-25 get in; the identical ones once."""
    path = Path(os.environ.get("CARETUNE_COUNSEL_CHAT", ""))
    if not path.is_file():
        pytest.skip("CARETUNE_COUNSEL_CHAT does not name the real table")
    opened = door()
    rows = list(opened.rows([source(path, "counsel_chat")]))
    assert len(opened.edges) == 2129
    assert len(rows) == 2009
    assert {edge.exit for edge in opened.edges} == {"", "duplicate"}
