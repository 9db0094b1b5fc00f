"""Training: what heads learn, and what guards it."""

import numpy as np
import pytest

from caretune.safety import design, features, grouping
from caretune.safety.examples import HEADS, Example, LabelledMessage, examples


def _labels(task, label, role="user"):
    row = LabelledMessage("text", role, task, label, hard_negative=False, note="")
    return examples([row])[0].labels


def test_severity_is_taught_in_steps():
    """A high message teaches low, moderate and high, not imminent."""
    labels = _labels("crisis", {"types": ["panic"], "severity": "high"})
    steps = [labels[f"severity/{word}"] for word in ("low", "moderate", "high", "imminent")]
    assert steps == [True, True, True, False]
    assert labels["type/panic"]
    assert labels["toxic"] is False


def test_a_threatening_crisis_message_teaches_no_calm():
    """Agitation may be toxic: it is no negative of toxicity."""
    labels = _labels("crisis", {"types": ["agitation"], "severity": "high"})
    assert "toxic" not in labels


def test_a_hateful_user_is_no_example_of_calm():
    """Threats and hate teach the crisis heads nothing."""
    assert "severity/low" not in _labels("toxicity", {"toxic": True, "kind": "threat"})
    assert _labels("toxicity", {"toxic": False, "kind": "none"})["severity/low"] is False


def test_a_named_group_stays_in_one_fold():
    """Texts that share no word but a group's name are joined; others are not."""
    texts = ["red kettle whistles", "nine herons landed", "my tax form is late", "cold soup again"]
    found = [
        Example(text, None, "crisis", {}, group=group)
        for text, group in zip(texts * 2, ["a", "a", None, None] * 2, strict=True)
    ]
    rows = [features.row(example.text, [], 12) for example in found]
    groups = grouping.groups(design.matrix(rows, 12), rows, [example.group for example in found])
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3


def test_heads_beat_chance_on_held_out_messages(trained_filters):
    """Grouped cross-validation ranks positives above the traps of the same task."""
    found = trained_filters.fitted.metrics
    for head in ("severity/low", "severity/high", "toxic", "bias", "inappropriate"):
        assert found[head].auc > 0.75, head
    assert set(found) == set(HEADS)


@pytest.mark.parametrize(
    ("head", "rate"), [("severity/low", 0.20), ("severity/high", 0.06), ("toxic", 0.10)]
)
def test_thresholds_keep_the_false_alarm_rate(trained_filters, head, rate):
    """Over its own task's negatives a head flags about the share it was given."""
    found = trained_filters.fitted.metrics[head]
    assert found.false_alarm_rate == pytest.approx(rate, abs=0.005)


def test_stored_heads_score_as_trained(trained_filters, chain):
    """Scoring by gather equals the dense product."""
    heads = trained_filters.parts.heads
    row = features.row("i can't sleep and i feel empty", [], heads.bits)
    dense = np.zeros(1 << heads.bits)
    known = np.isin(row.places, heads.places)
    slots = np.searchsorted(heads.places, row.places[known]) + 1
    seen = features.Row(row.places[known], row.counts[known], row.block[known])
    np.add.at(dense, row.places[known], features.scale(seen, heads.idf[slots]))
    logits = dense[heads.places] @ heads.weights[1:] + heads.offsets
    scored = chain._scorer.score(row)
    assert list(scored.values()) == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-5)
