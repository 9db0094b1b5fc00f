"""Severity from components, modifiers and heads; heads are held still here."""

from pathlib import Path

import pytest

from caretune.safety import crisis, normalise, patterns
from caretune.safety.examples import HEADS
from caretune.safety.scan import Scanner
from caretune.safety.taxonomy import Subject, severity_rank

_FOLDER = Path(__file__).parents[3] / "caretune/safety/patterns"
_SCANNER = Scanner(pattern for pattern in patterns.load(_FOLDER) if pattern.family != "pii")
_LIMITS = dict.fromkeys(HEADS, 0.5)


def _assess(text, carried=(), **chances):
    scores = dict.fromkeys(HEADS, 0.0) | {k.replace("_", "/", 1): v for k, v in chances.items()}
    hits = _SCANNER.scan(normalise.normalise(text).folded.text)
    return crisis.assess(hits, scores, _LIMITS, carried)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        pytest.param("I wish I was dead", "moderate", id="passive wish"),
        pytest.param("I want to kill myself", "high", id="active"),
        pytest.param("I don\u2019t want to be alive anymore", "moderate", id="curly apostrophe"),
        pytest.param("gonna kms for real", "high", id="coded"),
        pytest.param(
            "thinking of killing myself and I have everything I need", "high", id="desire and means"
        ),
        pytest.param("I'm going to kill myself right now", "imminent", id="immediate"),
        pytest.param("I've taken all my tablets", "imminent", id="acted"),
        pytest.param("I want to jump off a bridge", "high", id="method"),
        pytest.param("the voices tell me to kill", "high", id="command"),
        pytest.param("I bought bread and walked home", "none", id="bread"),
        pytest.param("my feet are killing me", "none", id="idiom"),
        pytest.param("died of embarrassment, dying to see the film", "none", id="idioms"),
    ],
)
def test_patterns_alone_give_a_severity(text, severity):
    """What is said outright counts although the head is silent."""
    assert _assess(text).finding.severity == severity


def test_the_imminent_head_makes_high_by_itself():
    """Where risk is seen it needs no moderate and high head; where none is seen it counts for nothing."""
    text = "the kettle is on"
    assert _assess(text, severity_low=0.6, severity_imminent=0.6).finding.severity == "high"
    assert _assess(text, severity_low=0.4, severity_imminent=0.6).finding.severity == "none"
    heads = dict.fromkeys(("severity_low", "severity_moderate", "severity_high"), 0.6)
    assert _assess(text, **heads, severity_imminent=0.6).finding.severity == "imminent"


def test_a_modifier_lowers_by_one_step_at_most():
    """Several modifiers together lower high to moderate, not further."""
    text = "what if in the novel she said I want to kill myself lol"
    assert _assess(text, severity_low=0.6).finding.severity == "moderate"


def test_a_modifier_never_lowers_an_act():
    """Laughing does not undo tablets that were taken."""
    assert _assess("lol I've taken all my tablets haha").finding.severity == "imminent"


def test_protective_factors_lower_nothing():
    """They are named, and the severity stands."""
    finding = _assess("I'm going to kill myself tonight but my kids need me").finding
    assert finding.severity == "imminent"
    assert finding.protective == ["responsibility"]


def test_ambiguous_signs_need_the_head():
    """A letter alone is nobody's danger; with a head that sees risk too it is."""
    text = "I've written the letters"
    assert _assess(text).finding.severity == "none"
    assert _assess(text, severity_low=0.6).finding.severity == "high"


def test_heads_alone_give_a_severity():
    """Oblique words without a pattern are the heads' part; a rank needs every rank below it."""
    oblique = "the lamp is off and I fed the fish"
    assert _assess(oblique, severity_low=0.9, severity_moderate=0.9).finding.severity == "moderate"
    assert _assess(oblique, severity_low=0.9, severity_high=0.9).finding.severity == "low"


def test_what_was_said_before_is_carried():
    """A plan after an earlier wish is high, though neither message alone is."""
    carried = _assess("I wish I was dead", severity_low=0.6).components
    later = "giving away all my things"
    assert _assess(later, severity_low=0.6).finding.severity == "moderate"
    assert _assess(later, carried=carried, severity_low=0.6).finding.severity == "high"


@pytest.mark.parametrize(
    ("text", "least"),
    [
        pytest.param(
            "my housemate has taken something and I can't wake him up", "imminent", id="overdose"
        ),
        pytest.param("my sister just sent me a goodbye message", "imminent", id="goodbye"),
        pytest.param("my best friend says he wants to die", "high", id="wish"),
    ],
)
def test_anothers_danger_is_theirs_and_not_lowered(text, least):
    """The bystander's words name the other, and are never lowered to low."""
    found = _assess(text)
    assert found.subject is Subject.OTHER
    assert severity_rank(found.finding.severity) >= severity_rank(least)


def test_worry_about_another_lowers_ones_own_danger_by_one_step_at_most():
    """Heads that see the gravest danger are not silenced by a word about the children."""
    sure = {f"severity_{word}": 0.9 for word in ("low", "moderate", "high", "imminent")}
    found = _assess("I'm so worried about my kids finding out after tonight", **sure)
    assert severity_rank(found.finding.severity) >= severity_rank("high")


def test_own_danger_beside_another_is_ones_own():
    """Who wants to die themselves is the subject, whoever else is named."""
    found = _assess("my sister knows that I want to kill myself")
    assert found.subject is Subject.SELF
    assert found.finding.severity == "high"


def test_indicators_are_pattern_names_and_types_are_named():
    """What was found can be looked up."""
    finding = _assess("I want to kill myself").finding
    assert "suicide_will" in finding.indicators
    assert finding.types == ["suicidal_ideation"]
    assert finding.confidence == 0.9
