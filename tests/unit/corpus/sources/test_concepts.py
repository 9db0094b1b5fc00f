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
