"""words: only placeholders excuse a difference from the raw text."""

import pytest

from caretune.proof import words
from caretune.records import Message

RAW = "I am Ann Lee, call Ann on 555 0100 please"


@pytest.mark.parametrize(
    ("text", "excused"),
    [
        pytest.param(RAW, True, id="equal"),
        pytest.param("I am [NAME_1], call [NAME_2] on [PHONE_1] please", True, id="redacted"),
        pytest.param("[NAME_1] please", True, id="at the start"),
        pytest.param("I am [NAME_1]", True, id="at the end"),
        pytest.param("I am [NAME_1][NAME_2] please", True, id="side by side"),
        pytest.param("I was [NAME_1], call [NAME_2] on [PHONE_1] please", False, id="before"),
        pytest.param("I am [NAME_1], ring [NAME_2] on [PHONE_1] please", False, id="between"),
        pytest.param("I am [NAME_1], call [NAME_2] on [PHONE_1] pleasE", False, id="after"),
        pytest.param("I am [NAME_1] call [NAME_2] Lee, call [NAME_3]", False, id="out of order"),
        pytest.param("I am Ann Lee, call[NAME_1] call Ann on 555 0100 please", False, id="overlap"),
        pytest.param(f"{RAW}.", False, id="longer"),
        pytest.param("I am [name], call Ann on 555 0100 please", False, id="no placeholder"),
    ],
)
def test_placeholders_excuse_what_they_stand_for(text, excused):
    """Every piece between them is in the raw text, in order, from its start to its end."""
    assert words.explained([Message("user", text)], [Message("user", RAW)]) is excused


def test_roles_and_turns_are_never_excused():
    """Another role, or one turn less, is another conversation."""
    turn = Message("user", RAW)
    assert not words.explained([Message("assistant", RAW)], [turn])
    assert not words.explained([turn], [turn, turn])
