"""Other words, and which words are never touched."""

import random
from collections.abc import Callable

import msgspec
import pytest

from caretune.corpus.augment import paraphrase
from caretune.records import Conversation, Message


def rewrite(parent: Conversation, role: str, text: str) -> set[str]:
    """Return every rewriting of one sentence over 30 seeds."""
    turns = [Message("user", "Hi."), Message("assistant", "Hi.")]
    place = 0 if role == "user" else 1
    turns[place] = Message(role, text)
    row = msgspec.structs.replace(parent, messages=turns)
    made = [paraphrase.draft(row, random.Random(seed)) for seed in range(30)]
    return {draft.conversation.messages[place].content for draft in made if draft is not None}


@pytest.mark.parametrize(
    ("role", "text", "expected"),
    [
        pytest.param("user", "Maybe later.", {"Perhaps later."}, id="case at the start"),
        pytest.param("user", "so maybe later.", {"so perhaps later."}, id="case inside"),
        pytest.param("user", "i'm sure", {"i am sure"}, id="a small i stays small"),
        pytest.param("user", "And I'm sure.", {"And I am sure."}, id="a large I stays large"),
        pytest.param("user", "Isn't it so?", set(), id="a question keeps its order"),
        pytest.param("user", "why don't you go", set(), id="an inverted verb stays"),
        pytest.param("user", "MAYBE", set(), id="shouting stays"),
        pytest.param("user", "a map of Mayberry", set(), id="whole words only"),
        pytest.param(
            "assistant",
            "When the door is open, the noise comes in.",
            {"The noise comes in when the door is open."},
            id="clause order",
        ),
        pytest.param("assistant", "If she calls, then go.", set(), id="too short to turn"),
    ],
)
def test_rules(parent: Conversation, role: str, text: str, expected: set[str]) -> None:
    """Each rule gives the paraphrase that it promises and no other."""
    assert rewrite(parent, role, text) == expected


def test_risk_sentences_are_not_touched(at_severity: Callable[[str], Conversation]) -> None:
    """The sentence that carries the risk is the same in every child, others are not."""
    row = at_severity("moderate")
    openings = {
        paraphrase.draft(row, random.Random(seed)).conversation.messages[0].content
        for seed in range(10)
    }
    assert all(text.endswith(" Last night I thought of killing myself.") for text in openings)
    assert any("Perhaps" in text for text in openings)


def test_at_high_risk_no_user_turn_is_touched(at_severity: Callable[[str], Conversation]) -> None:
    """A client at high risk is quoted to the letter; only the assistant's words change."""
    row = at_severity("high")
    child = paraphrase.draft(row, random.Random(1)).conversation
    assert child.messages[::2] == row.messages[::2]
    assert child.messages[1::2] != row.messages[1::2]


def test_too_few_edits_make_no_child(parent: Conversation) -> None:
    """A dialogue in which next to nothing can be rewritten is not suited."""
    text = "The cat sat on the mat near the tall lamp. " * 6
    row = msgspec.structs.replace(parent, messages=[Message("user", f"Maybe so. {text}")])
    assert paraphrase.draft(row, random.Random(1)) is None


def test_the_edits_name_the_rules(parent: Conversation) -> None:
    """Operation.edits lists each rule used once, sorted."""
    edits = paraphrase.draft(parent, random.Random(1)).edits
    assert edits == sorted(set(edits))
    assert {"i might", "maybe", "might"} & set(edits)
