"""Coherence tells true answers from those of another row: measured on whole corpora."""

import os
from pathlib import Path

import pytest

from caretune.corpus.quality.assessment import assess
from caretune.corpus.quality.scores import measure, side
from caretune.corpus.sources import counsel_chat, dialogues
from caretune.lineage import digest
from caretune.records import Message
from tests.unit.corpus.quality.planted import THRESHOLDS

ROOT = Path(__file__).parents[4]
CORPORA = os.environ.get("CARETUNE_CORPORA")


def rows(read):
    """Return the messages of every row that an adapter reads."""
    return [[Message(turn.role, turn.content) for turn in raw.messages] for _, raw in read]


def coherences(talks):
    """Return the coherence of each row's sides, and with the replies of the next row by hash."""
    sides = [(side(talk, "user"), side(talk, "assistant")) for talk in talks]
    sides.sort(key=lambda pair: digest.sha256_value([pair[0].text, pair[1].text]))
    others = [*sides[1:], sides[0]]
    true = [measure(*pair).get("coherence") for pair in sides]
    shuffled = [
        measure(own[0], other[1]).get("coherence")
        for own, other in zip(sides, others, strict=True)
        if own[0].text != other[0].text
    ]
    return [[score for score in found if score is not None] for found in (true, shuffled)]


def area_under_curve(true, shuffled):
    """Return the chance that a true pair scores above a shuffled one; ties count half."""
    wins = sum((high > low) + 0.5 * (high == low) for high in true for low in shuffled)
    return wins / len(true) / len(shuffled)


def test_true_answers_score_above_shuffled_ones():
    """Authored dialogues: AUC at least .99, no true one dropped, two in five shuffled ones are."""
    true, shuffled = coherences(rows(dialogues.read(ROOT / "data/raw/dialogues.jsonl")))
    assert min(len(true), len(shuffled)) > 600
    assert area_under_curve(true, shuffled) > 0.99
    assert min(true) >= THRESHOLDS.min_coherence
    assert sum(score < THRESHOLDS.min_coherence for score in shuffled) > 0.4 * len(shuffled)


def test_chance_is_a_half():
    """The measure can fail: against themselves the true pairs have an AUC of one half."""
    assert area_under_curve([0.1, 0.5, 0.9], [0.1, 0.5, 0.9]) == 0.5


@pytest.mark.skipif(CORPORA is None, reason="CARETUNE_CORPORA names no folder of corpora")
def test_on_answers_of_counsellors():
    """counsel_chat: AUC above .92 where there is enough to tell; at most 3 % of its rows leave."""
    path = Path(CORPORA) / "counsel_chat/20200325_counsel_chat.csv"
    talks = rows(counsel_chat.read(path))
    true, shuffled = coherences(talks)
    assert len(true) > 0.5 * len(talks)
    assert area_under_curve(true, shuffled) > 0.92
    left = sum(bool(assess(talk, thresholds=THRESHOLDS).exit) for talk in talks)
    assert left <= 0.03 * len(talks)
