"""The adapter of the concept notes."""

import json

from caretune.corpus.sources import concepts
from tests.fixtures.corpus import RAW


def test_all_authored_concepts_are_read():
    """Every shipped concept note becomes a two-turn exchange whose category is its area."""
    rows = [row for _, row in concepts.read(RAW / "concepts.jsonl")]
    assert len(rows) == 260
    assert all([m.role for m in row.messages] == ["user", "assistant"] for row in rows)
    assert len({row.category for row in rows}) == 20


def test_the_wrong_claim_is_never_taught(tmp_path):
    """Only question and answer are read; the deliberate wrong claim stays behind."""
    path = tmp_path / "concepts.jsonl"
    note = {"area": "mood", "question": "Why?", "answer": "Thus.", "wrong_claim": "Never."}
    path.write_text(json.dumps(note) + "\n")
    ((_, row),) = concepts.read(path)
    assert [message.content for message in row.messages] == ["Why?", "Thus."]


def test_a_concept_row_goes_on_from_its_note():
    """Every note also gives a concept row: its own exchange, the wrong claim, the summary."""
    path = RAW / "concepts.jsonl"
    notes = [row for _, row in concepts.read(path)]
    rows = [row for _, row in concepts.read_statements(path)]
    assert len(rows) == 260
    assert {row.category for row in rows} == {"concept"}
    assert all(
        [m.content for m in row.messages[:2]] == [m.content for m in note.messages]
        for row, note in zip(rows, notes, strict=True)
    )
    told = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    asked, stated = (message.content for message in rows[0].messages[2:])
    assert told["wrong_claim"] in asked
    assert told["concept"] in stated
    assert told["summary"] in stated
