"""The normal form and the way back."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune.safety.normalise import normalise

# 290 cases: id, text, the word that a pattern should see (null where there is none to see), and what
# the text folds to today; a case is changed here by hand, together with the rule that changes it.
_GOLDEN = Path(__file__).parents[2] / "golden/evasions.json"
_CASES = json.loads(_GOLDEN.read_text(encoding="utf-8"))
_EVASIONS = [case for case in _CASES if case["word"]]
_HARMLESS = [case for case in _CASES if not case["word"]]
_BITS = "kill|k1ll|k.i.l.l|myself|killmyself|diiie|s*u|&amp;|&#105;|\u0301| |  |\u200b|\u0456|\ufb01|\U0001f600|@|1|_|\n|aaaa"
_PARTS = st.one_of(st.characters(), st.sampled_from(_BITS.split("|")))
_TEXTS = st.lists(_PARTS, max_size=40).map("".join)


def _seen(case):
    return re.search(rf"(?<!\w){re.escape(case['word'])}(?!\w)", case["folded"]) is not None


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("I don\u2019t", "i don't", id="curly apostrophe"),
        pytest.param("k\u200bill", "kill", id="zero width"),
        pytest.param("\uff4bill", "kill", id="full width"),
        pytest.param("diiiie", "die", id="elongated"),
        pytest.param("killlll myself", "kill myself", id="double letter kept"),
        pytest.param("su1c1de", "suicide", id="leetspeak"),
        pytest.param("k i l l  m y s e l f", "kill myself", id="spaced out"),
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


@pytest.mark.parametrize("case", _CASES, ids=[case["id"] for case in _CASES])
def test_every_case_folds_as_it_is_written_down(case):
    """Each evasion and each harmless look-alike has the folded form of the table."""
    assert normalise(case["text"]).folded.text == case["folded"]


def test_the_table_holds_what_it_promises():
    """Of 240 evasions at least 220 give the word away, and no id stands twice."""
    assert len({case["id"] for case in _CASES}) == len(_CASES)
    assert (len(_EVASIONS), len(_HARMLESS)) == (240, 50)
    assert sum(map(_seen, _EVASIONS)) >= 220


def test_harmless_look_alikes_stay():
    """Numbers, times, codes, addresses and names of pages fold to their lower case alone."""
    changed = [case["id"] for case in _HARMLESS if case["folded"] != case["text"].lower()]
    assert changed == ["harmless_49"], "only an underscore parts words"


@given(_TEXTS)
@settings(max_examples=150, deadline=None)
def test_every_span_maps_inside_the_original(text):
    """Both views map each character to a piece of the original, in its order."""
    for view in normalise(text):
        assert len(view.text) == len(view.starts) == len(view.ends)
        spans = list(zip(view.starts, view.ends, strict=True))
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert list(view.starts) == sorted(view.starts)
        assert list(view.ends) == sorted(view.ends)


@given(_TEXTS)
@settings(max_examples=100, deadline=None)
def test_the_folded_view_is_plain(text):
    """Patterns meet lower-case printable ASCII without runs of spaces, whatever was written."""
    folded = normalise(text).folded.text
    assert folded.isascii()
    assert folded == folded.lower()
    assert "  " not in folded
    assert folded.isprintable()


@pytest.mark.parametrize(
    "piece", ["a", "a ", "k.i.", "a1", "myself", "*a", "&am", "a\U0001f600", "aaab"]
)
def test_a_long_text_costs_no_more_than_its_length(piece):
    """Bait for backtracking of 50,000 characters is folded at once; a quadratic rule would hang."""
    text = piece * (50_000 // len(piece))
    assert len(normalise(text).folded.text) <= len(text)
