"""The normal form and the way back."""

import pytest

from caretune.safety.normalise import normalise


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("I don\u2019t", "i don't", id="curly apostrophe"),
        pytest.param("k\u200bill", "kill", id="zero width"),
        pytest.param("\uff4bill", "kill", id="full width"),
        pytest.param("diiiie", "die", id="elongated"),
        pytest.param("killlll myself", "kill myself", id="double letter kept"),
        pytest.param("su1c1de", "suicide", id="leetspeak"),
        pytest.param("k i l l  m y s e l f", "kill  myself", id="spaced out"),
        pytest.param("k.i.l.l", "kill", id="dotted"),
        pytest.param("12 kms at 10:30", "12 kms at 10:30", id="numbers stay"),
        pytest.param("cafe\u0301", "cafe", id="combining accent"),
        pytest.param("k\u0456ll m\u0443self", "kill myself", id="cyrillic look-alikes"),
        pytest.param("die\U0001f622now", "die now", id="emoji parts words"),
    ],
)
def test_folded_view_undoes_what_hides_a_word(text, folded):
    """Spelling that hides a word from a pattern is undone."""
    assert normalise(text).folded.text == folded


@pytest.mark.parametrize(
    ("text", "word", "original"),
    [
        pytest.param("now: su1c1de.", "suicide", "su1c1de", id="leetspeak"),
        pytest.param("oh k i l l me", "kill", "k i l l", id="spaced out"),
        pytest.param("a k\u200bill b", "kill", "k\u200bill", id="zero width"),
        pytest.param("so diiiie now", "die", "diiiie", id="elongated"),
        pytest.param("\ufb01ne", "fi", "\ufb01", id="ligature"),
    ],
)
def test_span_maps_back_to_the_original(text, word, original):
    """A span of the folded view names the writer's own code points."""
    view = normalise(text).folded
    start = view.text.index(word)
    first, last = view.original(start, start + len(word))
    assert text[first:last] == original


def test_plain_view_keeps_digits_and_capitals():
    """Personal data is looked for in what the writer wrote."""
    assert normalise("Call 5O5 n0w, Jo\u2019s in").plain.text == "Call 5O5 n0w, Jo's in"


def test_an_empty_span_is_refused():
    """There is no original of nothing."""
    with pytest.raises(ValueError, match=r"empty span 1\.\.1"):
        normalise("abc").plain.original(1, 1)
