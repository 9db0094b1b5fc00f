"""Which sentences are kept to the letter."""

import msgspec
import pytest

from caretune.corpus.augment import crisis_wording
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
    assert crisis_wording.kept(row) == [f"{sentence}."]


def test_everyday_words_count_only_where_a_crisis_was_seen(parent: Conversation) -> None:
    """`drink` is free in a calm row and kept in a grave or unlabelled one."""
    turns = [Message("user", "I had a drink.")]
    calm = msgspec.structs.replace(parent, messages=turns)
    grave = msgspec.structs.replace(calm, gold=Gold(Crisis(["substance_abuse"], "low")))
    unlabelled = msgspec.structs.replace(calm, gold=None)
    kept = [crisis_wording.kept(row) for row in (calm, grave, unlabelled)]
    assert kept == [[], ["I had a drink."], ["I had a drink."]]


def test_a_sentence_said_by_the_assistant_does_not_count_as_kept() -> None:
    """What the client said must stand in the client's turns."""
    assert crisis_wording.missing(["I hurt."], [Message("assistant", "I hurt.")]) == 1
    assert crisis_wording.missing(["I hurt."], [Message("user", "Hi. I hurt.")]) == 0
