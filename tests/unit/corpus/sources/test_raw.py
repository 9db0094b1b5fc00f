"""What adapters share."""

from caretune.corpus.sources import raw
from caretune.corpus.sources.raw import RawMessage


def test_consecutive_sentences_of_one_speaker_are_one_turn():
    """Sentences are joined by a space; one without text neither speaks nor divides."""
    spoken = [("user", "One. ", []), ("user", " ", []), ("user", "Two.", []), ("system", "x", [])]
    assert raw.join_turns(spoken) == [RawMessage("user", "One. Two."), RawMessage("system", "x")]


def test_codes_stay_on_assistant_turns_alone():
    """A turn's strategy is its distinct codes, sorted; the client's codes are dropped."""
    spoken = [
        ("assistant", "a", ["R", "Q"]),
        ("assistant", "b", ["R"]),
        ("user", "c", ["N"]),
        ("assistant", "d", []),
    ]
    assert [turn.strategy for turn in raw.join_turns(spoken)] == ["Q, R", None, None]
