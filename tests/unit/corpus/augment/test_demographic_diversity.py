"""Another background, where the parent has not told its own."""

import random
from collections.abc import Callable

import msgspec
import pytest

from caretune.corpus.augment import demographic_diversity
from caretune.corpus.augment.draft import table
from caretune.records import Client, Conversation, Message, Operation


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


def paired(parent: Conversation, seed: int) -> list[Conversation]:
    """Return twins as children with an operation."""
    return [
        msgspec.structs.replace(
            draft.conversation,
            id=draft.edits[0],
            operation=Operation("demographic_diversity", 2, 29, draft.edits, "a pair"),
        )
        for draft in demographic_diversity.twins(parent, random.Random(seed))
    ]


def test_twins_differ_in_the_background_alone(parent: Conversation) -> None:
    """Over 40 seeds: one side, two backgrounds, and every turn but the opening is the same."""
    for seed in range(40):
        first, second = paired(parent, seed)
        assert demographic_diversity.differ_in_background_alone(parent, first, second)
        sides = [twin.operation.edits[0].partition(":")[0] for twin in (first, second)]
        assert sides[0] == sides[1]
        assert first.messages[1:] == second.messages[1:]
        assert first.messages[0] != second.messages[0]
        assert first.client != second.client


def test_twins_of_age_are_of_two_ages(parent: Conversation) -> None:
    """An age pair has two age bands."""
    row = msgspec.structs.replace(parent, client=None)
    pairs = [paired(row, seed) for seed in range(60)]
    ages = [pair for pair in pairs if pair[0].operation.edits[0].startswith("age")]
    assert ages
    assert all(one.client.age_band != two.client.age_band for one, two in ages)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"client": Client("teen", "x")}, id="the same client"),
        pytest.param({"difficulty": "hard"}, id="another label"),
        pytest.param({"messages": []}, id="other words of the assistant"),
        pytest.param({"operation": None}, id="nothing stated"),
    ],
)
def test_twins_that_differ_otherwise_are_seen(
    parent: Conversation, changed: dict[str, object]
) -> None:
    """The guard can fail: another label, other words, the same client, or no statement."""
    first, second = paired(parent, 1)
    if "messages" in changed:
        turns = list(second.messages)
        turns[1] = msgspec.structs.replace(turns[1], content="You people always worry.")
        changed = {"messages": turns}
    if "client" in changed:
        first = msgspec.structs.replace(first, **changed)
    second = msgspec.structs.replace(second, **changed)
    assert not demographic_diversity.differ_in_background_alone(parent, first, second)


def test_no_twins_where_no_two_backgrounds_fit(
    parent: Conversation, at_severity: Callable[[str], Conversation]
) -> None:
    """At high risk, and where turns do not alternate, there are none."""
    assert demographic_diversity.twins(at_severity("high"), random.Random(1)) == []
    row = msgspec.structs.replace(parent, messages=parent.messages[1:])
    assert demographic_diversity.twins(row, random.Random(1)) == []
