"""The shape of a dialogue that strategies can work on."""

import pytest

from caretune.corpus.augment import draft
from caretune.records import Conversation, Message


def row(*roles: str) -> Conversation:
    """Make a row of turns with these roles."""
    turns = [Message(role, f"{place}") for place, role in enumerate(roles)]
    return Conversation(id="0" * 32, source="s", license="l", messages=turns)


def test_a_dialogue_is_cut_and_joined_again() -> None:
    """System turns lead, exchanges follow, and together they are the row's messages."""
    told = row("system", "user", "assistant", "user", "assistant")
    exchanges = draft.cut(told)
    assert len(exchanges) == 2
    assert draft.retold(told, exchanges, ["none"]) == (told, ["none"])


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param(["user", "user", "assistant", "assistant"], id="not in turns"),
        pytest.param(["assistant", "user"], id="assistant first"),
        pytest.param(["user", "assistant", "user"], id="open end"),
        pytest.param(["system"], id="nobody speaks"),
    ],
)
def test_other_shapes_are_left_alone(roles: list[str]) -> None:
    """A row whose turns do not alternate gets no child."""
    assert draft.cut(row(*roles)) == []
