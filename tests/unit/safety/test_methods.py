"""Explicit methods: a controlled list, tested apart, with the heads silent.

tests/golden/methods.json holds messages that name a method in everyday words, and harmless ones with
the same words. The first two lists were read while the patterns were mended (62 of 130 found before);
the `blind` ones were written by a language model that had seen no pattern, and are only counted.
"""

import json

import pytest

from caretune.safety import crisis, normalise, patterns, scan
from caretune.safety.examples import HEADS
from caretune.safety.taxonomy import severity_rank
from tests.house.closure import ROOT

_MESSAGES = json.loads((ROOT / "tests/golden/methods.json").read_text(encoding="utf-8"))
_HIGH = severity_rank("high")


@pytest.fixture(scope="module")
def share():
    """Return the share of a list that is judged at least this grave by patterns alone."""
    scanner = scan.spoken(patterns.load(ROOT / "caretune/safety/patterns"))
    silent, limits = dict.fromkeys(HEADS, 0.0), dict.fromkeys(HEADS, 0.5)

    def judge(name, least):
        texts = _MESSAGES[name]
        found = [
            crisis.assess(scanner.scan(normalise.normalise(text).folded.text), silent, limits)
            for text in texts
        ]
        assert len(found) >= 40
        return sum(severity_rank(said.finding.severity) >= least for said in found) / len(found)

    return judge


def test_named_methods_are_high(share):
    """Who names a way to end their own life is high, whatever the heads say."""
    assert share("named", _HIGH) >= 0.80


def test_the_same_words_elsewhere_are_left_alone(share):
    """Washing, paperwork and westerns are no danger."""
    assert share("harmless", 1) <= 0.02


def test_blind_messages_are_found(share):
    """Of messages whose writer saw no pattern seven in ten are heard, and nearly no harmless one."""
    assert share("blind_named", 1) >= 0.70
    assert share("blind_harmless", 1) <= 0.05
