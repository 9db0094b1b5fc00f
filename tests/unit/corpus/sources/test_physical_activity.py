"""The adapter of the physical-activity dialogues."""

import json
import os
from pathlib import Path

import pytest

from caretune.corpus.sources import physical_activity
from caretune.records import BadRow

HEADER = ["Speaker", "ID", "Utterance", "Domain", "Strategy1", "Strategy2", "Social Exchange"]
TEXTS = ["Hello.", "Hi there.", "Good. ", "How far do you walk?", "To the shop. ", "Twice a week."]


def said(cell, text, domain="Goal", *strategies):
    """Make one row of a sheet."""
    return [cell, 0, text, domain, *(strategies or ("None", "None")), "None", None]


def sheet(tmp_path, *rows, header=HEADER):
    """Write one sheet."""
    path = tmp_path / "dialog.jsonl"
    path.write_text(json.dumps({"path": "a.xlsx", "sheet": "S", "rows": [header, *rows]}) + "\n")
    return path


def told(tmp_path, *rows, **changes):
    """Read one sheet."""
    ((line, row),) = physical_activity.read(sheet(tmp_path, *rows, **changes))
    assert line == 1
    return row


def speakers(row):
    """Tell the turns as `(role, text)`."""
    return [(turn.role, turn.content) for turn in row.messages]


TURNS = [
    ("assistant", "Hello."),
    ("user", "Hi there."),
    ("assistant", "Good. How far do you walk?"),
    ("user", "To the shop. Twice a week."),
]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(["1", "2", "1", "1", "2", "2"], id="marked"),
        pytest.param(["1", 2, "1", 1, 2, "2"], id="numbers and texts"),
        pytest.param(["1", "2", "1", None, "2", None], id="empty goes on"),
        pytest.param(["1", "2", 3, 4, 5, 6], id="counted on"),
    ],
)
def test_the_sheet_tells_who_speaks(tmp_path, cells):
    """Marked, empty and counted-on cells give the same turns, joined by speaker."""
    row = told(tmp_path, *map(said, cells, TEXTS))
    assert speakers(row) == TURNS


@pytest.mark.parametrize(
    ("cells", "texts"),
    [
        pytest.param(["1", "2", 3], ["a", "b", "c"], id="counted on without spaces"),
        pytest.param(["1", "2", 7], ["a", "b ", "c"], id="not counted on"),
        pytest.param([None, "2"], ["a ", "b"], id="nobody at first"),
        pytest.param(["Coach", "2"], ["a ", "b"], id="a word"),
        pytest.param([], [], id="no rows"),
    ],
)
def test_a_sheet_that_does_not_tell_is_a_bad_field(tmp_path, cells, texts):
    """Nobody's words are given to a speaker by a guess."""
    row = told(tmp_path, *map(said, cells, texts))
    problem = "expected the speaker 1 or 2 in the first column of $.rows"
    assert row == BadRow(1, "bad_field", problem)


def test_strategies_stay_on_the_coachs_turns(tmp_path):
    """A turn of the coach names its distinct strategies, sorted; one of the participant none."""
    row = told(
        tmp_path,
        said("1", "One.", "Goal", "Monitoring", "None"),
        said("1", "Two.", "Goal", "Goal", "Monitoring"),
        said("2", "Three.", "Goal", "Barrier", "None"),
        said("1", "Four."),
    )
    assert [turn.strategy for turn in row.messages] == ["Goal, Monitoring", None, None]


def test_the_domain_of_most_sentences_is_the_category(tmp_path):
    """The introduction does not count; of domains with equal counts the first by name is taken."""
    opening = [said("1", "Hi.", "Introduction")] * 3
    both = [said("2", "Yes.", "Weight"), said("1", "So.", "Diet")]
    assert told(tmp_path, *opening, *both).category == "Diet"
    assert told(tmp_path, *opening, *both, both[0]).category == "Weight"
    assert told(tmp_path, *opening, said("2", "Hi.", None)).category is None


def test_rows_without_an_utterance_are_left_out(tmp_path):
    """Empty rows at the end of a sheet, short ones too, are no sentences."""
    row = told(tmp_path, said("1", "Hi."), said("2", "Hi."), [None] * 7, [None], said("1", " "))
    assert speakers(row) == [("assistant", "Hi."), ("user", "Hi.")]


@pytest.mark.parametrize("header", [["Speaker", "Utterance"], []])
def test_a_missing_column_is_named(tmp_path, header):
    """A sheet without the columns leaves by `bad_field` with their names."""
    row = told(tmp_path, header=header)
    assert row.exit == "bad_field"
    assert "Domain, Strategy1, Strategy2 at $.rows[0]" in row.problem


def test_a_line_that_is_no_sheet_leaves_by_name(tmp_path):
    """Other JSON, and a sheet without rows, cost their lines."""
    path = tmp_path / "dialog.jsonl"
    path.write_text('{"a": 1}\n{"rows": []}\n')
    assert [row.exit for _, row in physical_activity.read(path)] == ["bad_field", "bad_field"]


def test_the_real_sheets_are_read_whole():
    """All 44 sheets of the release are read; the one that counts on has 10 turns."""
    folder = Path(os.environ.get("CARETUNE_CORPORA", "")) / "physical_activity"
    path = folder / "simulated_dialog.jsonl"
    if not path.is_file():
        pytest.skip("CARETUNE_CORPORA names no folder with physical_activity")
    rows = [row for _, row in physical_activity.read(path)]
    assert len(rows) == 44
    assert {row.messages[0].role for row in rows} == {"assistant"}
    assert len(rows[26].messages) == 10
