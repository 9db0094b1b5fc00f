"""The adapter of the MIBOT interviews."""

import json
import os
from pathlib import Path

import pytest

from caretune.corpus.sources import mibot
from caretune.records import BadRow

SAID = [
    ("counsellor", "Good evening.", "Other"),
    ("counsellor", "How did the first week go?", "Q"),
    ("client", "Badly.", "S"),
    ("client", "", "N"),
    ("client", "I would like to go on, though.", "C"),
    ("counsellor", "You want to keep at it.", "R"),
    ("counsellor", "You do not give up.", "R"),
]


def interviews(tmp_path, *said, **changes):
    """Write interviews as a MIBOT file."""
    path = tmp_path / "transcripts.jsonl"
    rows = [
        {
            "participant_id": f"p{place}",
            "utterances": [
                {"speaker": who, "volley_number": 1, "text": text, "auto_misc_label": code}
                for who, text, code in utterances
            ],
            "stats": {},
            **changes,
        }
        for place, utterances in enumerate(said)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_utterances_of_a_volley_make_one_turn(tmp_path):
    """Utterances are joined until the speaker changes; empty ones are left out."""
    ((_, row),) = mibot.read(interviews(tmp_path, SAID))
    assert [(turn.role, turn.content) for turn in row.messages] == [
        ("assistant", "Good evening. How did the first week go?"),
        ("user", "Badly. I would like to go on, though."),
        ("assistant", "You want to keep at it. You do not give up."),
    ]


def test_the_counsellors_codes_become_strategies(tmp_path):
    """A turn of the counsellor names its distinct codes, sorted; a turn of the client none."""
    ((_, row),) = mibot.read(interviews(tmp_path, SAID))
    assert [turn.strategy for turn in row.messages] == ["Other, Q", None, "R"]


def test_the_participant_is_a_person_and_smoking_the_topic(tmp_path):
    """The participant's id goes to the door as a name, and the topic is the same for all."""
    ((_, row),) = mibot.read(interviews(tmp_path, SAID))
    assert (row.person, row.category) == ("p0", "smoking cessation")


def test_an_unknown_speaker_costs_its_interview(tmp_path):
    """A speaker who is neither leaves by `bad_field`; the next interview is read."""
    path = interviews(tmp_path, [("moderator", "Hush.", "Other")], SAID)
    (_, bad), (_, good) = mibot.read(path)
    assert isinstance(bad, BadRow)
    assert (bad.exit, "$.utterances[0].speaker" in bad.problem) == ("bad_field", True)
    assert good.person == "p1"


def test_the_real_interviews_are_read_whole():
    """All 106 interviews of the release are read, and in each the speakers take turns."""
    path = Path(os.environ.get("CARETUNE_CORPORA", "")) / "mibot" / "transcripts.jsonl"
    if not path.is_file():
        pytest.skip("CARETUNE_CORPORA names no folder with mibot")
    rows = [row for _, row in mibot.read(path)]
    assert len(rows) == len({row.person for row in rows}) == 106
    assert sum(len(row.messages) for row in rows) == 3174
    for row in rows:
        roles = [turn.role for turn in row.messages]
        assert roles == (["assistant", "user"] * len(roles))[: len(roles)]
