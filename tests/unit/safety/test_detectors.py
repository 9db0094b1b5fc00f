"""Toxicity, bias and appropriateness; heads are held still here."""

from pathlib import Path

import pytest

from caretune.safety import appropriateness, bias, normalise, patterns, toxicity
from caretune.safety.examples import HEADS
from caretune.safety.scan import Scanner

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"
_SCANNER = Scanner(pattern for pattern in patterns.load(_FOLDER) if pattern.family != "pii")
_LIMITS = dict.fromkeys(HEADS, 0.5)


def _hits(text):
    return _SCANNER.scan(normalise.normalise(text).folded.text)


def _scores(**chances):
    return dict.fromkeys(HEADS, 0.0) | {name.replace("__", "/"): p for name, p in chances.items()}


def test_a_threat_decides_by_itself():
    """No head is needed for a threat."""
    found = toxicity.assess(_hits("I'll smash your face"), _scores(), _LIMITS)
    assert (found.toxic, found.kind, found.score) == (True, "threat", 0.9)


def test_reported_speech_is_left_to_the_head():
    """Who tells of a threat does not threaten."""
    text = "he said I'll smash your face"
    assert not toxicity.assess(_hits(text), _scores(), _LIMITS).toxic


def test_the_head_names_the_kind():
    """Above its threshold the likeliest kind is named."""
    found = toxicity.assess(_hits("hm"), _scores(toxic=0.8, toxicity__insult=0.4), _LIMITS)
    assert (found.toxic, found.kind, found.score) == (True, "insult", 0.8)


def test_an_identity_alone_is_no_bias():
    """Women, Muslims, deaf people: named, not judged."""
    text = "two Muslim women and a deaf man came by"
    assert bias.assess(_hits(text), _scores(), _LIMITS).types == []


def test_a_generalisation_with_exclusion_is_bias():
    """Identity and predicate decide together; advice comes with it."""
    found = bias.assess(_hits("all refugees are criminals"), _scores(), _LIMITS)
    assert found.types == ["cultural"]
    assert found.level == "high"
    assert found.mitigation


def test_a_witness_is_left_to_the_head():
    """Who was told so is not biased."""
    text = "they told me that disabled people can't work"
    assert bias.assess(_hits(text), _scores(), _LIMITS).types == []


def test_an_identity_helps_to_name_the_type():
    """Where the head sees bias but no type, the identity that was named counts."""
    found = bias.assess(_hits("at seventy one should rest"), _scores(bias=0.9), _LIMITS)
    assert found.types == ["age"]


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        pytest.param("Stop taking your tablets tomorrow.", "medical_advice", id="medicine"),
        pytest.param("You have bipolar disorder.", "diagnosis", id="diagnosis"),
        pytest.param("My lips are sealed.", "promise_of_secrecy", id="secrecy"),
        pytest.param("Here's my number.", "boundary_violation", id="boundary"),
    ],
)
def test_plain_violations_decide_by_themselves(text, violation):
    """What must never be said is found without the head."""
    found = appropriateness.assess(_hits(text), _scores(), _LIMITS)
    assert (found.appropriate, found.violation) == (False, violation)


def test_a_good_reply_is_appropriate():
    """A refusal to promise, and a referral, pass."""
    text = "I can't promise that, and your GP can say more about the tablets."
    assert appropriateness.assess(_hits(text), _scores(), _LIMITS).appropriate
