"""The figures of the decisions: whole, counted, and without anybody's words."""

import json
import re

import pytest

from caretune import records
from caretune.safety import measure
from caretune.safety.bias import BiasFinding
from caretune.safety.decision import AppropriatenessFinding, CrisisFinding, ToxicityFinding
from caretune.safety.examples import LabelledMessage
from caretune.safety.taxonomy import SEVERITIES, BiasType, CrisisType


@pytest.fixture(scope="module")
def figures(labelled_rows, trained_filters):
    """Every figure as it is written."""
    found = measure.decisions(labelled_rows, trained_filters.parts.patterns, trained_filters.fitted)
    return json.loads(records.encode(found))


def rates(value):
    """Yield every rate below a value as (value, low, high, n)."""
    if isinstance(value, dict) and set(value) == {"value", "low", "high", "n"}:
        yield tuple(value[name] for name in ("value", "low", "high", "n"))
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from rates(inner)


def test_every_share_has_its_count_and_interval(figures):
    """A value lies in its interval and was counted; nothing counted, no value."""
    found = list(rates(figures))
    assert len(found) > 100
    assert all(low <= value <= high for value, low, high, n in found if n)
    assert all(rate == (None, None, None, 0) for rate in found if not rate[3])
    text = json.dumps(figures)
    assert re.findall(r'"\w*(?:recall|precision|_rate|any)": [\d.]', text) == []


def test_every_severity_and_type_is_told(figures, labelled_rows):
    """No severity and no type of crisis is left out, and each message counts once."""
    crisis = figures["crisis"]
    assert set(crisis["by_severity"]) == set(crisis["confusion"]) == set(SEVERITIES)
    assert set(crisis["by_type"]) == set(CrisisType)
    messages = sum(row.task == "crisis" for row in labelled_rows)
    assert sum(n for row in crisis["confusion"].values() for n in row.values()) == messages
    assert sum(row["any"]["n"] for row in crisis["by_severity"].values()) == messages


def test_confusion_and_rates_tell_the_same(figures):
    """What the table of severities adds up to is the recall beside it."""
    for word, said in figures["crisis"]["confusion"].items():
        seen = sum(n for name, n in said.items() if name != "none")
        told = figures["crisis"]["by_severity"][word]["any"]
        assert told["value"] == pytest.approx(seen / told["n"], abs=1e-4), word


def test_every_main_head_has_its_reliability(figures):
    """Five heads, each over the messages of its own task."""
    found = figures["calibration"]
    assert set(found) == {"severity/low", "severity/high", "toxic", "bias", "inappropriate"}
    for head, calibration in found.items():
        assert sum(part["positive"]["n"] for part in calibration["bins"]) == calibration["n"], head
        assert 0 <= calibration["error"] < 0.2, head


def test_worst_mistakes_are_ids_without_text(figures, labelled_rows):
    """Both kinds of each detector; no message of anybody stands in the figures."""
    kinds = {(mistake["detector"], mistake["error"]) for mistake in figures["worst"]}
    detectors = ("crisis", "toxicity", "bias", "appropriateness")
    assert kinds == {(name, error) for name in detectors for error in ("missed", "false_alarm")}
    text = json.dumps(figures, ensure_ascii=False)
    assert [row.text for row in labelled_rows if len(row.text) > 12 and row.text in text] == []


def test_fairness_is_told_by_identity(figures):
    """Alarms on harmless messages, by the identity they name; the gap is between the extremes."""
    alarms = figures["bias"]["false_alarm_rate_by_identity"]
    assert set(alarms) == set(BiasType)
    values = [alarm["value"] for alarm in alarms.values()]
    assert figures["bias"]["identity_gap"] == pytest.approx(max(values) - min(values), abs=1e-4)


def seen(authored, said, types=(), named=()):
    """Build a crisis message as authored and as judged."""
    label = {"severity": authored, "types": list(types)}
    row = LabelledMessage("text", "user", "crisis", label, hard_negative=False, note="")
    return measure.Seen(
        row,
        {},
        CrisisFinding(types=list(named), severity=said),
        ToxicityFinding(),
        BiasFinding(),
        AppropriatenessFinding(),
        frozenset(),
    )


def test_rates_can_tell_good_from_bad():
    """A detector that raises everything finds all and alarms always; one that sleeps neither."""
    loud = [seen("high", "imminent", ["panic"], ["panic"]), seen("none", "low", [], ["panic"])]
    mute = [seen("high", "none", ["panic"]), seen("none", "none")]
    told = [measure._crisis(found) for found in (loud, mute)]
    assert [(t["any"].recall.value, t["any"].false_alarm_rate.value) for t in told] == [
        (1.0, 1.0),
        (0.0, 0.0),
    ]
    assert told[0]["high"].false_alarm_rate.value == 0.0
    panic = told[0]["by_type"]["panic"]
    assert (panic["named"].value, panic["false_alarm_rate"].value) == (1.0, 1.0)
    assert told[1]["confusion"] == {"high": {"none": 1}, "none": {"none": 1}}
