"""Another background, where the parent has not told its own."""

import random
from collections.abc import Callable

import msgspec
import pytest

from caretune.corpus.augment import demographic_diversity
from caretune.corpus.augment.draft import table
from caretune.records import Client, Conversation, Message


def sides(row: Conversation) -> set[str]:
    """Return the sides offered over 60 seeds."""
    made = [demographic_diversity.draft(row, random.Random(seed)) for seed in range(60)]
    return {draft.edits[0].partition(":")[0] for draft in made if draft is not None}


def with_opening(parent: Conversation, text: str) -> Conversation:
    """Add a sentence to the opening."""
    opening = Message("user", f"{parent.messages[0].content} {text}")
    return msgspec.structs.replace(parent, messages=[opening, *parent.messages[1:]])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("My church helps.", "culture", id="faith"),
        pytest.param("I am Deaf.", "ability", id="ability"),
        pytest.param("The rent is due.", "money", id="money"),
        pytest.param("I retired in May.", "age", id="age"),
        pytest.param("My wife says so.", "orientation", id="partner"),
    ],
)
def test_a_side_that_was_told_is_not_offered(parent: Conversation, text: str, told: str) -> None:
    """A child never contradicts what its parent said about itself."""
    assert told in sides(parent)
    assert told not in sides(with_opening(parent, text))


def test_a_named_place_or_people_tells_where_one_is_from(parent: Conversation) -> None:
    """A client whose background names a people gets no other origin."""
    row = msgspec.structs.replace(parent, client=Client("adult", "Samoan bus cleaner"))
    assert not sides(row) & {"culture", "language", "place"}


def test_the_client_field_says_what_the_text_says(parent: Conversation) -> None:
    """The background is added to the client's, and another age band replaces it."""
    by_background = {b["background"]: b for b in table("demographic_diversity")["backgrounds"]}
    for seed in range(40):
        child = demographic_diversity.draft(parent, random.Random(seed)).conversation
        kept, _, added = child.client.background.partition(", ")
        assert kept == "keen gardener"
        chosen = by_background[added]
        assert child.client.age_band == chosen.get("age_band", "adult")
        assert any(said in child.messages[0].content for said in chosen["said"])


def test_an_age_statement_changes_the_age_band(parent: Conversation) -> None:
    """An adult parent is never offered an adult's background as another age."""
    made = [demographic_diversity.draft(parent, random.Random(seed)) for seed in range(80)]
    ages = [d.conversation.client.age_band for d in made if d.edits[0].startswith("age")]
    assert ages
    assert "adult" not in ages


def test_nobody_at_high_risk_has_to_explain_themselves(
    at_severity: Callable[[str], Conversation],
) -> None:
    """At high risk there is no child."""
    assert demographic_diversity.draft(at_severity("high"), random.Random(1)) is None


def test_every_background_is_whole() -> None:
    """Each of the backgrounds has two statements, two answers and exchanges of two turns."""
    backgrounds = table("demographic_diversity")["backgrounds"]
    assert len(backgrounds) == 36
    for background in backgrounds:
        assert [len(background[part]) for part in ("said", "taken_up")] == [2, 2]
        assert {len(pair) for pair in background["later"]} == {2}
