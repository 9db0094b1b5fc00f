"""Which disguises are looked for at all."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune.safety import disguise
from caretune.safety.normalise import normalise

_GOLDEN = Path(__file__).parents[2] / "golden/evasions.json"
_BITS = 'kill|k1ll|k.i.l.l|k i l l|killmyself|myself|diiie|s*u|a$$|9am|co-worker|...| | |-|.|_|@|1|a|\x01|(|,|"'
_TEXTS = st.lists(st.sampled_from(_BITS.split("|")), max_size=16).map("".join)


def _finding(text):
    return [number for number, undo in enumerate(disguise.STEPS) if list(undo(text))]


@given(_TEXTS)
@settings(max_examples=400, deadline=None)
def test_a_step_that_finds_something_is_suspected(text):
    """The one pass before the steps hides nothing from them."""
    assert set(_finding(text)) <= set(disguise.suspected(text))


def test_every_step_is_met_by_an_evasion():
    """Each of the four finds something among the golden cases, and is suspected there."""
    texts = [case["text"].lower() for case in json.loads(_GOLDEN.read_text(encoding="utf-8"))]
    found = [(number, text) for text in texts if text.isascii() for number in _finding(text)]
    assert {number for number, _ in found} == {0, 1, 2, 3}
    assert all(number in disguise.suspected(text) for number, text in found)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("i was at work... (late, again) and cried!", id="punctuation"),
        pytest.param("it is $20 at 10:30, i told myself", id="amount, time, myself"),
        pytest.param("", id="nothing"),
    ],
)
def test_an_ordinary_text_is_suspected_of_nothing(text):
    """What most people write costs no step."""
    assert not disguise.suspected(text)


def test_one_step_uncovers_the_next():
    """Letters drawn out inside a run of words are undone first, and the run after them."""
    assert normalise("killlmyself").folded.text == "kill myself"
