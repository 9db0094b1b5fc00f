"""The adapter of client profiles."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from caretune.corpus.sources import personas, wording
from caretune.errors import SourceError
from caretune.records import BadRow
from tests.fixtures.personas import ROW


def table(tmp_path, *rows, leave_out=""):
    """Write rows as a persona table."""
    path = tmp_path / "personas.csv"
    names = [name for name in ROW if name != leave_out]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_profile_meets_every_counsellor(tmp_path):
    """One row a counsellor, all of one client, whose name travels to the door alone."""
    rows = list(personas.read(table(tmp_path, ROW)))
    assert [(line, row.category) for line, row in rows] == [
        (2, "reflective_listener"),
        (2, "motivational_interviewer"),
        (2, "practical_coach"),
    ]
    assert {(row.client.age_band, row.client.background) for _, row in rows} == {
        ("adult", "profile 7, married, manager")
    }
    assert {row.person for _, row in rows} == {"Bo"}
    assert not any("Bo" in message.content for _, row in rows for message in row.messages)


@pytest.mark.parametrize(
    ("age", "band"), [(16, "teen"), (22, "young_adult"), (64, "adult"), (70, "older_adult")]
)
def test_the_age_gives_the_band(tmp_path, age, band):
    """Age bands are those of the authored dialogues."""
    row = {**ROW, "age_onset": f"Age: {age}; Onset: 15", "persona_description": "Bo."}
    assert {row.client.age_band for _, row in personas.read(table(tmp_path, row))} == {band}


def test_a_profile_that_contradicts_itself_leaves_by_name(tmp_path):
    """A description of another age than the column's is told, not quoted; the next row is read."""
    other = {**ROW, "persona_description": "Bo, a 61-year-old beekeeper, likes her hives."}
    first, *others = personas.read(table(tmp_path, other, ROW))
    problem = "age at column persona_description, against age_onset"
    assert first == (2, BadRow(2, "persona_inconsistent", problem))
    assert len(others) == 3


def test_a_dialogue_that_breaks_its_profile_leaves_by_name(tmp_path, monkeypatch):
    """A planted line of another age is caught in every dialogue that has it."""
    sentences = dict(wording.table("personas"))
    sentences["client"] = {
        **sentences["client"],
        "pattern": ["I'm 19 years old and count nothing."],
    }
    monkeypatch.setattr(wording, "table", lambda _: sentences)
    rows = [row for _, row in personas.read(table(tmp_path, ROW))]
    assert rows == [
        BadRow(2, "persona_inconsistent", f"with {name}: age at $.messages[2].content")
        for name in sentences["counsellors"]
    ]


def test_a_row_that_is_not_understood_leaves_by_name(tmp_path):
    """A stage nobody knows is a bad field, named by its column; so is a row that ends early."""
    rows = list(personas.read(table(tmp_path, {**ROW, "state_of_change": "Sunday"})))
    assert rows == [(2, BadRow(2, "bad_field", "not understood: column state_of_change"))]
    path = table(tmp_path)
    path.write_text(path.read_text() + "7,Bo\n")
    ((_, row),) = personas.read(path)
    assert row == BadRow(2, "bad_field", "the row ends before its column age_onset")


def test_a_missing_column_is_named(tmp_path):
    """A table without a needed column is refused in one sentence that names it."""
    path = table(tmp_path, ROW, leave_out="drinking_pattern")
    with pytest.raises(SourceError, match=r"missing: drinking_pattern\. Check the file"):
        list(personas.read(path))


def test_the_real_profiles_are_read_whole():
    """All 15 public profiles meet all three counsellors without a contradiction."""
    folder = os.environ.get("CARETUNE_CORPORA")
    if folder is None:
        pytest.skip("CARETUNE_CORPORA does not name the folder of public corpora")
    rows = [row for _, row in personas.read(Path(folder) / "patient_personas/patient_personas.csv")]
    assert Counter(row.category for row in rows) == dict.fromkeys(
        wording.table("personas")["counsellors"], 15
    )
    assert len({row.client for row in rows}) == 15
