"""Whatever is typed, the chain decides: no filter breaks, and every span lies in the text."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caretune.safety.gates import failed

_WORDS = st.sampled_from(
    ["kill myself", "my name is Anna", "12/03/1990", "call 020 7946 0000", "k1ll", "\u2019", "\U0001f622",
     "\u202edie", "\u0645\u0631\u062d\u0628\u0627", "e\u0301", "\ud800", "\x00", "&lt;", "a.b.c", "(((", "\ufb01ne"]
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(alphabet=st.characters(codec=None), max_size=200),
    st.lists(st.one_of(_WORDS, st.text(max_size=8)), max_size=30).map(" ".join),
)
_ODD = [
    pytest.param("", id="empty"),
    pytest.param(" \n\t", id="white space"),
    pytest.param("a" * 100_000, id="one long word"),
    pytest.param("die " * 25_000, id="one word again and again"),
    pytest.param("i want " * 10_000 + "to", id="bait for a gap"),
    pytest.param("1 " * 20_000, id="bait for numbers"),
    pytest.param("A" + "a A" * 10_000, id="bait for names"),
    pytest.param("(" * 20_000, id="brackets"),
    pytest.param("\u0301" * 5_000, id="marks on nothing"),
    pytest.param("\U0001f468\u200d\U0001f469\u200d\U0001f467" * 500, id="joined emoji"),
    pytest.param("\u05d0\u05d1 " * 2_000, id="right to left"),
    pytest.param("\ud800 help", id="lone surrogate"),
]


def _sound(decision, text):
    assert decision.gates != failed()
    assert all(0 <= span.start < span.end <= len(text) for span in decision.pii)
    ends = [0, *(span.end for span in decision.pii)]
    assert all(end <= span.start for end, span in zip(ends, decision.pii, strict=False))


@pytest.mark.parametrize("text", _ODD)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_odd_texts_are_decided(chain, text, role):
    """Long, empty, broken and baiting texts come out as decisions of whole filters."""
    _sound(chain.scan_message(text, role, "how are you"), text)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=_TEXTS, role=st.sampled_from(["user", "assistant"]))
def test_any_text_is_decided(chain, text, role):
    """No text breaks a filter; spans are in order, apart, and inside the text."""
    _sound(chain.scan_message(text, role), text)


def test_a_broken_filter_is_noticed(chain, monkeypatch):
    """The guard can fail: a filter that raises closes every gate."""
    monkeypatch.setattr(chain, "_scorer", None)
    decision = chain.scan_message("hello")
    with pytest.raises(AssertionError):
        _sound(decision, "hello")
    assert decision.action == "block"
