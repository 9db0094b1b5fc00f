"""Which sentences are kept to the letter."""

import msgspec
import pytest

from caretune.corpus import crisis_wording
from caretune.records import Conversation, Crisis, Gold, Message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("One. Two!  Three?\nFour", id="marks and lines"),
        pytest.param("no mark at all", id="no mark"),
        pytest.param(" leading, trailing. ", id="spaces"),
    ],
)
def test_sentences_join_to_the_text(text: str) -> None:
    """No byte is lost between sentences."""
    assert "".join(crisis_wording.sentences(text)) == text


@pytest.mark.parametrize(
    "sentence",
    [
        "i want to kms",
        "I thought about suicide",
        "They'd be better off",
        "the voices say so",
        "I took the pills",
        "I hurt myself",
        "everyone would be fine if I disappeared",
        "is it safe to ring 988",
        "I had a relapse",
    ],
)
def test_crisis_wording_is_kept_in_every_row(parent: Conversation, sentence: str) -> None:
    """Even where the authors saw no crisis, crisis wording is found."""
    row = msgspec.structs.replace(parent, messages=[Message("user", f"Hello. {sentence}.")])
    assert crisis_wording.kept(row) == (f"{sentence}.",)


def test_everyday_words_count_only_where_a_crisis_was_seen(parent: Conversation) -> None:
    """`drink` is free in a calm row and kept in a grave or unlabelled one."""
    turns = [Message("user", "I had a drink.")]
    calm = msgspec.structs.replace(parent, messages=turns)
    grave = msgspec.structs.replace(calm, gold=Gold(Crisis(["substance_abuse"], "low")))
    unlabelled = msgspec.structs.replace(calm, gold=None)
    kept = [crisis_wording.kept(row) for row in (calm, grave, unlabelled)]
    assert kept == [(), ("I had a drink.",), ("I had a drink.",)]


def test_a_sentence_said_by_the_assistant_does_not_count_as_kept() -> None:
    """What the client said must stand in the client's turns."""
    assert crisis_wording.missing(["I hurt."], [Message("assistant", "I hurt.")]) == 1
    assert crisis_wording.missing(["I hurt."], [Message("user", "Hi. I hurt.")]) == 0


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        pytest.param(["I hurt. I die."], 0, id="in one turn"),
        pytest.param(["Hm. I hurt.", "So. I die. Yes."], 0, id="in two turns"),
        pytest.param(["I die. I hurt."], 1, id="in another order"),
        pytest.param(["I hurt. i die."], 1, id="another case"),
        pytest.param(["I hurt."], 1, id="one is gone"),
        pytest.param(["I hurt.", "I d", "ie."], 1, id="torn over turns"),
    ],
)
def test_sentences_must_stand_in_order_byte_for_byte(said: list[str], lost: int) -> None:
    """A sentence that was moved before another, or changed in one letter, counts as lost."""
    turns = [Message("user", text) for text in said]
    assert crisis_wording.missing(["I hurt.", "I die."], turns) == lost


def test_the_assistants_sentences_are_kept_apart(parent: Conversation) -> None:
    """What the assistant asked is kept in the assistant's turns."""
    turns = [Message("user", "Hello."), Message("assistant", "Hm. Do you think of suicide?")]
    row = msgspec.structs.replace(parent, messages=turns)
    assert crisis_wording.kept(row) == ()
    assert crisis_wording.kept(row, "assistant") == ("Do you think of suicide?",)
    assert crisis_wording.missing(["Do you think of suicide?"], turns, "assistant") == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("I want to Die, call 988", ["die", "988"], id="words and lines"),
        pytest.param("my number is 999 555 1234", [], id="a part of a longer number"),
        pytest.param("ring 116 123 now", ["116 123"], id="a line of two groups"),
        pytest.param("call 911.", ["911"], id="a line before a full stop"),
        pytest.param("(988) 555-1234 or 555-988", [], id="groups of numbers"),
    ],
)
def test_crisis_words_leave_parts_of_numbers_out(text: str, words: list[str]) -> None:
    """A private number that holds a line's digits is not a line."""
    assert crisis_wording.words(Message("user", text)) == words
