"""Other people's sets: what each says, what it teaches, and what is made of it."""

import json
import os
from pathlib import Path

import pytest

from caretune.safety import development, trials

_GUARDIAN = [
    ("the ledge is cold and I am done waiting", "RISK LEVEL: CRITICAL (intent)\nPATTERNS"),
    ("nothing I do reaches anybody now", "RISK LEVEL: HIGH\nPATTERNS"),
    ("rent is up, so I made a budget", "RISK LEVEL: MEDIUM\nPATTERNS"),
    ("this queue will be the end of me, ha", "RISK LEVEL: LOW\nPATTERNS"),
]


def _lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def guardian(tmp_path):
    """Return a file in the shape of guardian_crisis, with words of our own."""
    records = [
        {"instruction": f"Analyze this message:\n User: '{said}'", "output": output}
        for said, output in _GUARDIAN
    ]
    broken = {"instruction": "Analyze this", "output": "RISK LEVEL: HIGH"}
    return _lines(tmp_path / "guardian.jsonl", [*records, broken])


def test_levels_of_danger_become_answers(guardian):
    """Critical is grave, high is risk, low is neither; medium and rows without a message are left out."""
    rows = list(development.guardian_crisis(guardian))
    assert [row.text for row in rows] == [_GUARDIAN[number][0] for number in (0, 1, 3)]
    assert [row.truth for row in rows] == [
        {"risk": True, "grave": True},
        {"risk": True},
        {"risk": False, "grave": False},
    ]
    assert rows[0].labels["severity/high"]
    assert "severity/high" not in rows[1].labels
    assert not any(rows[2].labels.values())


def test_neighbouring_paraphrases_share_a_group(tmp_path):
    """Twelve lines in a row are one group, the thirteenth another."""
    records = [
        {"instruction": f"User: 'line {number}'", "output": "RISK LEVEL: LOW"}
        for number in range(13)
    ]
    rows = list(development.guardian_crisis(_lines(tmp_path / "g.jsonl", records)))
    assert [row.group for row in rows] == ["g.jsonl 0"] * 12 + ["g.jsonl 1"]


def test_an_absent_flag_is_unknown(tmp_path):
    """Self-harm is risk, hate is toxic, no flag is harmless; other flags answer nothing."""
    records = [
        {"prompt": "one", "SH": "1", "H": "0"},
        {"prompt": "two", "HR": 1},
        {"prompt": "three", "S": "0"},
        {"prompt": "four", "V": "1"},
    ]
    rows = list(development.openai_moderation(_lines(tmp_path / "m.jsonl", records)))
    assert {row.text: row.truth for row in rows} == {
        "one": {"risk": True},
        "two": {"toxic": True},
        "three": {"risk": False, "toxic": False, "biased": False},
    }


def test_an_unsafe_reply_teaches_the_head_of_its_kind(tmp_path):
    """Bad advice is unfit, an insult toxic, prejudice biased; a safe one teaches the same head no."""
    records = [
        {"context": "c", "response": "r", "category": category, "label": label}
        for category, label in (
            ("Unauthorized Expertise", "Unsafe"),
            ("Offending User", "Unsafe"),
            ("Biased Opinion", "Safe"),
        )
    ]
    path = tmp_path / "d.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    rows = list(development.diasafety(path))
    assert [row.labels for row in rows] == [
        {"inappropriate": True},
        {"toxic": True},
        {"bias": False},
    ]
    assert [row.truth["stopped"] for row in rows] == [True, True, False]
    assert {(row.role, row.context) for row in rows} == {("assistant", "c")}


def test_personal_data_is_read_in_its_order(tmp_path):
    """Kinds that are not ours (towns, firms) are left out, the others renamed."""
    spans = [
        {"entity_type": "PERSON", "entity_value": "Ola Nils", "start_position": 12},
        {"entity_type": "GPE", "entity_value": "Turku", "start_position": 26},
        {"entity_type": "EMAIL_ADDRESS", "entity_value": "o@example.com", "start_position": 0},
    ]
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"full_text": "o@example.com Ola Nils of Turku", "spans": spans}]))
    (row,) = development.presidio_research(path)
    assert row.label["entities"] == [
        {"type": "EMAIL", "text": "o@example.com"},
        {"type": "NAME", "text": "Ola Nils"},
    ]


def test_answers_are_counted_question_by_question(chain, guardian):
    """Each question counts only the rows that answer it: recall over yes, false alarms over no."""
    sets = {"guardian_crisis": list(development.guardian_crisis(guardian))}
    figures = trials.unseen(sets, chain)["guardian_crisis"]
    assert sorted(figures) == ["grave", "risk"]
    assert (figures["risk"].recall.n, figures["risk"].false_alarm_rate.n) == (2, 1)
    assert (figures["grave"].recall.n, figures["grave"].false_alarm_rate.n) == (1, 1)


_SETS = os.environ.get("CARETUNE_DEVELOPMENT_SETS")


@pytest.mark.skipif(_SETS is None, reason="CARETUNE_DEVELOPMENT_SETS names no folder of the sets")
def test_the_sets_themselves_are_read():
    """Every file of the four sets gives the rows that their descriptions count."""
    folder = Path(_SETS)
    counts = {
        "guardian-training-cleaned.jsonl": 534,
        "variations_parsed.jsonl": 1454,
    }
    for name, count in counts.items():
        rows = list(development.guardian_crisis(folder / "guardian_crisis" / name))
        assert len(rows) == count
    assert len(list(development.diasafety(folder / "diasafety/val.json"))) == 1097
    assert len(list(development.openai_moderation(folder / "openai_moderation/dev.jsonl"))) > 700
    small = folder / "presidio_research/generated_small.json"
    assert len(list(development.presidio_research(small))) == 100
