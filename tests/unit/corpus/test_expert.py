"""The expert set, drawn by quota from held-out families."""

from collections import Counter

import pytest

from caretune.corpus import expert
from caretune.records import Conversation, Crisis, Gold, Message

SETTINGS = {"seed": 23, "size": 20, "crisis_rate": 0.15}


def row(number: int, name: str, **fields: object) -> Conversation:
    """Build a row of four turns, of its own family unless told otherwise."""
    severity = "imminent" if number % 5 == 0 else "low"
    defaults = {
        "family": str(number),
        "category": ("grief", "work", "sleep")[number % 3],
        "gold": Gold(Crisis(severity=severity)),
    }
    return Conversation(
        id=f"{name} {number}",
        source="s",
        license="x",
        split=name,
        messages=[Message(("user", "assistant")[n % 2], f"turn {n} of {number}") for n in range(4)],
        **{**defaults, **fields},
    )


@pytest.fixture
def rows():
    """A hundred rows in train, 60 in validation, 60 in test; each fifth of imminent severity."""
    parts = {"train": range(100), "validation": range(100, 160), "test": range(160, 220)}
    return [row(number, name) for name, numbers in parts.items() for number in numbers]


def test_the_quotas_are_met(rows):
    """Twenty examples, 15 % of them from conversations of high or imminent severity."""
    drawn = expert.draw(rows, **SETTINGS)
    assert len(drawn.examples) == 20
    assert sum(example.crisis for example in drawn.examples) == 3
    assert drawn.wanted == {"examples": 20, "crisis": 3, "other": 17}
    assert drawn.found["crisis"] == 3


def test_scenarios_are_balanced(rows):
    """Over the three scenarios twenty examples lie 7, 7 and 6."""
    drawn = expert.draw(rows, **{**SETTINGS, "crisis_rate": 0.0})
    counts = Counter(example.scenario for example in drawn.examples)
    assert sorted(counts.values()) == [6, 7, 7]


def test_nothing_is_drawn_from_train(rows):
    """Every example is of a held-out conversation."""
    drawn = expert.draw(rows, **SETTINGS)
    assert not any(example.conversation.startswith("train") for example in drawn.examples)


def test_at_most_a_third_of_the_held_out_families(rows):
    """Of 60 and 60 families at most 20 and 20 are drawn; the shortfall is said, crisis kept."""
    drawn = expert.draw(rows, **{**SETTINGS, "size": 500})
    assert drawn.found["families"] == {"test": 20, "validation": 20}
    assert (drawn.wanted["examples"], drawn.found["examples"]) == (500, 40)
    assert drawn.found["crisis"] == 6


def test_at_most_one_example_a_family():
    """A family of thirty rows gives one example."""
    rows = [row(number, "test", family="one") for number in range(30)]
    rows += [row(number, "validation") for number in range(30, 60)]
    drawn = expert.draw(rows, **{**SETTINGS, "crisis_rate": 0.0})
    families = [example.family for example in drawn.examples]
    assert len(families) == len(set(families)) == 10


def test_an_example_is_a_reply_with_all_that_came_before(rows):
    """The context ends with the message that the reply answers; no score is filled in."""
    turns = {r.id: r.messages for r in rows}
    examples = expert.draw(rows, **SETTINGS).examples
    assert len(examples) == 20
    for example in examples:
        length = len(example.context)
        assert example.context == turns[example.conversation][:length]
        assert example.context[-1].role == "user"
        assert example.reply == turns[example.conversation][length].content
        assert example.scores is None
        assert example.comment is None


def test_both_early_and_late_replies_are_drawn(rows):
    """Replies come from the opening and from later turns."""
    examples = expert.draw(rows, **SETTINGS).examples
    assert {len(example.context) for example in examples} == {1, 3}


def test_the_draw_does_not_depend_on_the_order_of_rows(rows):
    """Reversed rows give the same set."""
    assert expert.draw(rows[::-1], **SETTINGS) == expert.draw(rows, **SETTINGS)
