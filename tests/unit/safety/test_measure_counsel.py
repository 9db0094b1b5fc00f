"""False alarms on public counselling questions, against labels made by reading them.

tests/golden/counsel_questions.json holds ids and verdicts, no text. All 815 questions were read by
one reader, who is no clinician, on the scale of the authored messages:

- imminent: an act or an overdose today; high: a plan or means, a recent attempt, self-injury out of
  control, a commanding voice, violence against somebody that goes on, for the writer or another;
- moderate: thoughts of death, self-injury under control, a voice that commands nothing;
- toxic: abuses somebody; telling of abuse, or cursing oneself, is not.

The questions are read as title, full stop, text. A new release of the table needs new labels.
"""

import csv
import json
import os
from pathlib import Path

import pytest

from caretune.lineage import digest
from caretune.safety import rates
from caretune.safety.taxonomy import severity_rank
from tests.house.closure import ROOT

LABELS = json.loads((ROOT / "tests/golden/counsel_questions.json").read_text())
HIGH = severity_rank("high")


@pytest.fixture(scope="module")
def judged(chain):
    """Each question's authored rank, the chain's rank, and the two verdicts on toxicity."""
    path = Path(os.environ.get("CARETUNE_COUNSEL_CHAT", ""))
    if not path.is_file():
        pytest.skip("CARETUNE_COUNSEL_CHAT does not name the real table")
    if digest.sha256_file(path) != LABELS["source"]:
        pytest.skip("CARETUNE_COUNSEL_CHAT is another release than the one that was read")
    with path.open(newline="", encoding="utf-8") as file:
        questions = {row["questionID"]: row for row in csv.DictReader(file)}
    assert set(questions) == set(LABELS["labels"])
    found = []
    for name, label in sorted(LABELS["labels"].items()):
        row = questions[name]
        decision = chain.scan_message(f"{row['questionTitle'] or ''}. {row['questionText'] or ''}")
        ranks = severity_rank(label["danger"]), severity_rank(decision.crisis.severity)
        found.append((*ranks, label["toxic"], decision.toxicity.toxic))
    return found


def test_labels_are_ids_and_verdicts_alone():
    """815 questions, a word and a truth value each; nobody's text is kept here."""
    labels = LABELS["labels"]
    assert len(labels) == 815
    assert all(name.isdigit() for name in labels)
    assert {frozenset(label) for label in labels.values()} == {frozenset({"danger", "toxic"})}
    assert {label["danger"] for label in labels.values()} == {
        "none",
        "moderate",
        "high",
        "imminent",
    }
    assert {type(label["toxic"]) for label in labels.values()} == {bool}


def test_few_questions_are_called_high_that_are_not(judged):
    """At most 3 % of the questions without grave danger are judged high or above."""
    found = rates.detection((true >= HIGH, said >= HIGH) for true, said, _, _ in judged)
    assert found.false_alarm_rate.n == 803
    assert found.false_alarm_rate.value <= 0.03, found


def test_few_questions_are_called_toxic_that_are_not(judged):
    """At most 2 % of the questions that abuse nobody are judged toxic."""
    found = rates.detection(item[2:] for item in judged)
    assert found.false_alarm_rate.value <= 0.02, found


def test_real_danger_is_seen(judged):
    """Of the questions with danger, moderate or more, at least half are seen as some risk."""
    found = rates.rate(said > 0 for true, said, _, _ in judged if true)
    assert found.n == 67
    assert found.value >= 0.5, found
