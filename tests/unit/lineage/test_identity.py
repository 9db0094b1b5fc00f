"""Content ids: what they depend on, and what never changes them."""

import pytest

from caretune.lineage.identity import content_id, person_hash
from caretune.records import Message

TURNS = [Message("user", "I can't sleep."), Message("assistant", "Since when?", "question")]


def test_the_id_of_a_known_row_stays_for_ever():
    """Ids stand in ledgers and releases: this one may never change."""
    assert content_id("dialogues", TURNS) == "a9ab045b11b1536a2e68130af1fc310b"


def test_strategy_is_no_content():
    """A label on a turn leaves the id alone."""
    bare = [Message(turn.role, turn.content) for turn in TURNS]
    assert content_id("dialogues", bare) == content_id("dialogues", TURNS)


@pytest.mark.parametrize(
    ("source", "messages"),
    [
        pytest.param("concepts", TURNS, id="source"),
        pytest.param("dialogues", TURNS[::-1], id="order"),
        pytest.param("dialogues", TURNS[:1], id="number"),
        pytest.param("dialogues", [Message("system", TURNS[0].content), TURNS[1]], id="role"),
        pytest.param("dialogues", [Message("user", "I can't sleep"), TURNS[1]], id="one character"),
    ],
)
def test_every_part_of_the_content_counts(source, messages):
    """Another source, order, number, role or character is another row."""
    assert content_id(source, messages) != content_id("dialogues", TURNS)


def test_case_and_spacing_of_a_name_do_not_count():
    """The name as somebody types it finds the hash of the name as the source has it."""
    known = person_hash("a key", "chat", "Jane Roe")
    assert known == person_hash("a key", "chat", " jane   ROE\n")
    assert len(known) == 32


def test_key_and_source_and_name_each_make_another_person():
    """No hash tells of another source or can be made without the key."""
    made = {
        person_hash(*given)
        for given in (("k", "chat", "A"), ("l", "chat", "A"), ("k", "s", "A"), ("k", "chat", "B"))
    }
    assert len(made) == 4


def test_the_hash_of_a_known_person_stays_for_ever():
    """Hashes stand in corpora and in the suppression list: this one may never change."""
    assert person_hash("caretune", "counsel_chat", "Jane Roe") == (
        "fe776155a4b5937fc4699d53084b427e"
    )
