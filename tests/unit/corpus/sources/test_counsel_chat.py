"""The adapter of the public counsel_chat table."""

import csv
import os
from pathlib import Path

import pytest

from caretune.corpus.sources import counsel_chat
from caretune.errors import SourceError
from caretune.records import BadRow

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


def test_names_and_links_are_in_no_message(tmp_path):
    """The counsellor's name is the person and nothing else; links are nowhere."""
    ((_, row),) = counsel_chat.read(table(tmp_path, ANSWERED))
    assert row.person == "Jo Doe, LPC"
    assert "Doe" not in str(row.messages)
    assert "example" not in str(row)


def test_an_empty_answer_is_left_to_the_door(tmp_path):
    """A question without an answer comes through; the door lets it out by `empty`."""
    ((_, row),) = counsel_chat.read(table(tmp_path, [*ANSWERED[:-1], " "]))
    assert row.messages[1].content == ""


SECOND = ["questionID", "questionTitle", "questionText", "questionUrl", "topics", "therapistName"]
SECOND_HEADER = [*SECOND, "therapistUrl", "answerText", "upvotes"]
HTML = "<p>Rest &amp; <a href='https://a.example/x'>sleep</a>.</p><p>Then<br>rise.</p>"


def second(tmp_path, topics="Grief and Loss ,Stress", answer=HTML):
    """Write one row as a table of the second release."""
    row = [*ROW[:4], topics, "Jo Doe, LPC", "https://a.example/jo", answer, "3"]
    return table(tmp_path, row, header=SECOND_HEADER)


def test_the_second_release_is_told_by_its_header(tmp_path):
    """Its HTML becomes text, its links go, its therapist is the person."""
    ((_, row),) = counsel_chat.read(second(tmp_path))
    assert [m.content for m in row.messages] == [
        "Tired?\nI am\nso tired.",
        "Rest & sleep.\n\nThen\nrise.",
    ]
    assert (row.person, row.category) == ("Jo Doe, LPC", "grief-and-loss")


@pytest.mark.parametrize(
    ("topics", "category"),
    [
        ("LGBTQ", "lgbtq"),
        ("Legal & Regulatory,Stress", "legal-regulatory"),
        ("Depression,Self-harm", "self-harm"),
        (" ", None),
    ],
)
def test_one_topic_of_many_is_kept(tmp_path, topics, category):
    """It is the first, spelt as in the first release; a topic of safety comes before the others."""
    ((_, row),) = counsel_chat.read(second(tmp_path, topics))
    assert row.category == category


def test_an_answer_that_is_no_html_is_a_bad_field(tmp_path):
    """What cannot be parsed leaves by name."""
    ((_, row),) = counsel_chat.read(second(tmp_path, answer="<p>a <![x[ b"))
    assert row == BadRow(2, "bad_field", "not HTML in column answerText")


def test_a_missing_column_of_the_second_release_is_named(tmp_path):
    """The sentence names the columns of the release that the header is nearest to."""
    with pytest.raises(SourceError, match=r"topics, therapistName; missing: answerText\."):
        list(counsel_chat.read(table(tmp_path, ROW, header=SECOND)))


def test_the_real_table_is_read_whole():
    """All 2,129 answers of the release of 2020-03-25 are read, and so are their 31 topics."""
    path = Path(os.environ.get("CARETUNE_COUNSEL_CHAT", ""))
    if not path.is_file():
        pytest.skip("CARETUNE_COUNSEL_CHAT does not name the real table")
    rows = [row for _, row in counsel_chat.read(path)]
    assert len(rows) == 2129
    assert len({row.category for row in rows}) == 31


def test_the_real_second_table_is_read_whole():
    """All 1,482 rows of the second dump are read; seven have no question or no answer."""
    folder = Path(os.environ.get("CARETUNE_CORPORA", "")) / "counsel_chat"
    path = folder / "counselchat-data.csv"
    if not path.is_file():
        pytest.skip("CARETUNE_CORPORA names no folder with counsel_chat")
    rows = [row for _, row in counsel_chat.read(path)]
    assert len(rows) == 1482
    assert sum(not all(turn.content for turn in row.messages) for row in rows) == 7
    assert not any("</" in row.messages[1].content for row in rows)
