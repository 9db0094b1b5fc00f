"""Cleaning and scoring of spoken turns."""

import pytest

from caretune.corpus.sources import speech
from caretune.corpus.sources.speech import Turn


@pytest.mark.parametrize(
    ("said", "read"),
    [
        pytest.param("Um, I went to the, uh, market.", "I went to the market.", id="hesitations"),
        pytest.param("It was, you know, a long queue.", "It was, a long queue.", id="aside"),
        pytest.param("It was long, you know.", "It was long.", id="aside-at-the-end"),
        pytest.param("Do you know what I mean by that?", "Do you know what I mean by that?", id="not-set-off"),
        pytest.param("I like tea, like, a lot.", "I like tea, a lot.", id="like-set-off-only"),
        pytest.param("We met [crosstalk 00:12] at noon. (laughs)", "We met at noon.", id="marks"),
        pytest.param("My [inaudible] is fine.", "My… is fine.", id="a-gap-stays"),
        pytest.param("They took me to the ER, er, Friday.", "They took me to the ER Friday.", id="the-place-er"),
        pytest.param("Uh. Um... [silence]", "", id="nothing-said"),
        pytest.param("[door opens] Hello.", "[door opens] Hello.", id="unknown-mark"),
        pytest.param("Mm-hm, and uh-huh.", "Mm-hm, and uh-huh.", id="answers-stay"),
        pytest.param("the, um, bus", "the bus", id="small-letters-stay"),
    ],
)  # fmt: skip
def test_fillers_and_marks_go(said, read):
    """Hesitations, set-off asides and known marks go; what they stand between stays."""
    assert speech.readable(said) == read


@pytest.mark.parametrize(
    "sentence",
    [
        "I, um, want to, you know, kill myself.",
        "I just, uh, [inaudible] wanted to disappear, I mean.",
        "He, um, threatened me [crosstalk] with a knife.",
        "I took, uh, the pills, you know, tonight.",
    ],
)
def test_a_sentence_with_risk_is_not_touched(sentence):
    """Fillers and marks stay where a sentence may carry risk; its neighbours are cleaned."""
    assert speech.readable(f"Um, well. {sentence} Uh, yes.") == f"Well. {sentence} Yes."


def test_a_backchannel_is_no_turn():
    """A lone mm-hm while the other speaks says nothing; after a question it is an answer."""
    turn = Turn("user", "Mm-hm, mhm.")
    assert speech.is_backchannel(turn, "I see how that was.")
    assert not speech.is_backchannel(turn, "Was it like that?")
    assert not speech.is_backchannel(Turn("user", "Mm-hm, it was."), "I see.")
    assert not speech.is_backchannel(Turn("user", "mhm " * 60 + "so"), "I see.")


def test_clean_speech_has_full_quality():
    """No mark, no overlap, no cut-off turn: 1.0."""
    assert speech.transcription_quality([Turn("a", "One two three."), Turn("b", "Four.")]) == 1.0


@pytest.mark.parametrize(
    ("turns", "quality"),
    [
        pytest.param([Turn("a", "w " * 99 + "[inaudible]")], 0.9, id="marks"),
        pytest.param([Turn("a", "w " * 20, 4, 1)], 0.75, id="overlaps"),
        pytest.param([Turn("a", "w w --"), Turn("b", "w.")], 0.5, id="cut-off"),
        pytest.param([Turn("a", "[inaudible] [crosstalk] w")], 0.0, id="unusable"),
        pytest.param([], 1.0, id="nothing"),
    ],
)
def test_quality_falls_with_what_was_missed(turns, quality):
    """Marks a word, overlapping cues and cut-off turns each take their share."""
    assert speech.transcription_quality(turns) == pytest.approx(quality, abs=0.01)


@pytest.mark.parametrize(
    ("texts", "natural"),
    [
        pytest.param(["how was the week so far?", "it was fine until tuesday night"], 1.0, id="two-people"),
        pytest.param(["a b", "c d"], 0.5, id="clipped"),
        pytest.param(["w " * 240, "v " * 240], 0.5, id="speeches"),
        pytest.param(["yes that is so", "yes that is so"], 0.5, id="echoes"),
        pytest.param(["a b c d " * 9, "d c b a"], 0.5, id="one-sided"),
        pytest.param(["...", "?"], 0.0, id="no-words"),
    ],
)  # fmt: skip
def test_naturalness_falls_with_what_people_do_not_do(texts, natural):
    """Balance, pace and variety each take their share; 1.0 is two people talking."""
    assert speech.naturalness(texts, ["user", "assistant"]) == pytest.approx(natural, abs=0.01)


def test_one_speaker_alone_is_no_conversation():
    """Where one side says all, naturalness is 0.0."""
    assert speech.naturalness(["a b c d e", "f g h i j"], ["user", "user"]) == 0.0


_FILL = (
    "the garden wall was painted green by the neighbour on the corner last week and it dried fast."
)


@pytest.mark.parametrize(
    ("said", "markers"),
    [
        pytest.param("Too few words, maybe.", [], id="too-few"),
        pytest.param(_FILL, [], id="plain"),
        pytest.param(f"Maybe it was. I guess so, I'm not sure. {_FILL}", ["hedging"], id="hedging"),
        pytest.param(
            f"It was really very good, so good! {_FILL}", ["intensifying"], id="intensifying"
        ),
        pytest.param(f"Yeah we gonna see. {_FILL}", ["informal"], id="informal"),
        pytest.param(
            f"It was red, I mean blue. {_FILL}", ["self_correcting"], id="self-correcting"
        ),
        pytest.param(f"Um it was, uh, fine. {_FILL}", ["disfluent"], id="disfluent"),
        pytest.param(_FILL[:-1] + " while " + _FILL, ["run_on"], id="run-on"),
    ],
)
def test_style_names_how_the_client_speaks(said, markers):
    """Each marker comes at its rate in a hundred words, and not without it."""
    assert speech.style([said]) == markers


def test_short_turns_are_terse():
    """A median of at most six words a turn is terse."""
    assert speech.style(["It was fine at home."] * 5) == ["terse"]
