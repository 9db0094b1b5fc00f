"""Added lines speak like the client."""

import pytest

from caretune.corpus.augment import voice
from caretune.records import Message


@pytest.mark.parametrize(
    ("said", "line"),
    [
        pytest.param("I am here. It's fine.", "I'd say so. I'm sure.", id="sentence case stays"),
        pytest.param("im here. dont ask", "id say so. im sure", id="small, bare, open-ended"),
        pytest.param("i'm here. don't ask.", "i'd say so. i'm sure.", id="small with apostrophes"),
        pytest.param("Im here. Dont ask!", "Id say so. Im sure.", id="bare only"),
    ],
)
def test_a_line_is_written_the_clients_way(said: str, line: str) -> None:
    """Case, apostrophes and the last full stop follow what the client wrote."""
    assert voice.match("I'd say so. I'm sure.", [Message("user", said)]) == line


def test_the_assistants_writing_is_not_the_clients() -> None:
    """Only user turns are looked at."""
    turns = [Message("user", "I see."), Message("assistant", "im here")]
    assert voice.match("I'd say so.", turns) == "I'd say so."


def test_parts_are_joined_with_a_full_stop_where_one_is_missing() -> None:
    """A part that ended without a mark gets one, the last stays as it is."""
    assert voice.join("one", "two!", "three") == "one. two! three"


@pytest.mark.parametrize(("text", "greets"), [("Hi there", True), ("History hurts", False)])
def test_a_greeting_is_a_word_of_its_own(text: str, *, greets: bool) -> None:
    """`Hi` greets, `History` does not."""
    assert voice.greets(text) is greets
