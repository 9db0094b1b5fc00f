"""The adapter of the authored dialogues."""

import json

import pytest

from caretune.corpus.sources import dialogues
from caretune.records import BadRow
from tests.fixtures.corpus import RAW

ROW = {
    "category": "sleep",
    "difficulty": "hard",
    "domain": "mental_health_support",
    "client": {"age_band": "adult", "background": "baker"},
    "crisis": {
        "types": ["severe_depression", "panic"],
        "severity": "moderate",
        "timeline": "ongoing",
        "protective": ["hope", "coping_skills"],
    },
    "messages": [
        {"role": "user", "content": "I lie awake."},
        {"role": "assistant", "content": "Since when?", "strategy": "open_question"},
    ],
}


def read_one(tmp_path, row):
    """Read one dialogue, with its line number."""
    path = tmp_path / "dialogues.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return next(iter(dialogues.read(path)))


def test_all_authored_dialogues_are_read():
    """Every shipped dialogue becomes a conversation with a gold crisis label."""
    rows = [row for _, row in dialogues.read(RAW / "dialogues.jsonl")]
    assert len(rows) == 675
    assert all(row.gold.crisis is not None for row in rows)


def test_labels_become_gold_in_sorted_order(tmp_path):
    """Types and protective factors are sorted, whatever order their author chose."""
    line, row = read_one(tmp_path, ROW)
    assert line == 1
    assert row.gold.crisis.types == ["panic", "severe_depression"]
    assert row.gold.crisis.protective == ["coping_skills", "hope"]
    assert row.messages[1].strategy == "open_question"


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        pytest.param("difficulty", "easy", "$.difficulty", id="difficulty"),
        pytest.param("crisis", {**ROW["crisis"], "severity": "grave"}, "$.crisis.severity", id="s"),
        pytest.param("crisis", {**ROW["crisis"], "types": ["woe"]}, "$.crisis.types[0]", id="t"),
    ],
)
def test_a_word_outside_the_taxonomy_is_a_bad_field(tmp_path, field, value, place):
    """A label that the taxonomy does not know leaves by `bad_field`, which names its place."""
    _, row = read_one(tmp_path, {**ROW, field: value})
    assert isinstance(row, BadRow)
    assert row.exit == "bad_field"
    assert place in row.problem
