"""The model card follows the figures."""

import pytest

from caretune import records
from caretune.gate import card
from caretune.records import Conversation, Crisis, Gold, Message
from tests.fixtures import evidence

BASE = {"kind": "rehearsal", "source": "rehearsal", "revision": None, "parameters": 3_000_000}
DATA = card.DataFigures({"train": 2, "validation": 1, "test": 1}, {("own", "MIT"): 4}, {"none": 4})


def render(verdict=None, base=BASE, **metrics):
    """Render a card."""
    judged = verdict or evidence.verdict()
    return card.render("moe_lora", base, judged, evidence.metrics(**metrics), DATA)


@pytest.mark.parametrize(
    ("level", "sentence"),
    [
        ("rehearsal", "**This is a rehearsal."),
        ("staging", "**This is a staging release, for reviewers only."),
        ("production", "Serve it only with the filters in this folder"),
    ],
)
def test_the_level_speaks_first(level, sentence):
    """What the release may be used for stands right under the title."""
    assert render(evidence.verdict(level=level)).split("\n\n")[1].startswith(sentence)


def test_values_stand_with_their_intervals():
    """Value, interval and paired differences are in the table of measurements."""
    text = render()
    assert "| response_nll, nats per token (lower) | 5 [4.9, 5.1] |" in text
    assert "-0.3 [-0.4, -0.2]" in text
    assert "95% intervals" in text


def test_what_was_not_measured_is_said():
    """A metric without items is no number, and stands among the limits."""
    nothing = evidence.result(value=None, low=None, high=None, n=0, unscored=3)
    models = {name: {"response_nll": nothing} for name in ("base", "moe_lora")}
    text = render(models=models, paired={"moe_lora - base": {"response_nll": nothing}})
    assert "| not measured | not measured | not measured | 0 (3 unscored) |" in text
    assert "- Not measured, for want of items: response_nll." in text


def test_an_open_rule_is_a_limit():
    """What the evidence does not settle is said with the number needed."""
    open_rule = evidence.rule(name="risk", result="inconclusive", binds=False, n=9, needed_n=100)
    text = render(evidence.verdict(evidence.rule(), open_rule))
    assert "- The evidence does not settle: risk (9 items, 100 needed)." in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "a rehearsal base (3,000,000 parameters, trained on this split's train rows alone)"),
        ({"kind": "checkpoint", "source": "org/model"}, "org/model (3,000,000 parameters)"),
        (
            {"kind": "checkpoint", "source": "org/model", "revision": "abc"},
            "org/model at revision abc (3,000,000 parameters)",
        ),
    ],
)
def test_the_base_is_named(changes, words):
    """A toy is called a toy; a checkpoint by its name and commit."""
    assert words in render(base=BASE | changes)


def test_rows_are_counted_from_the_split(tmp_path):
    """Sources with licences, splits and severities come from the rows themselves."""
    for name, severity in (("train", "high"), ("validation", None), ("test", "none")):
        gold = None if severity is None else Gold(Crisis(severity=severity))
        rows = [Conversation(name, "own", "MIT", [Message("user", "hi")], gold=gold)]
        records.write(tmp_path / f"{name}.jsonl", rows)
    assert card.count(tmp_path) == card.DataFigures(
        {"train": 1, "validation": 1, "test": 1},
        {("own", "MIT"): 3},
        {"high": 1, "none": 1, "unlabelled": 1},
    )
