"""The expert set, drawn by quota from held-out families."""

from collections import Counter
from typing import NamedTuple

import pytest

from caretune.corpus import expert
from caretune.records import Conversation, Crisis, ExpertExample, Gold, Message

SPLITS = ("validation", "test")
SETTINGS = {"seed": 23, "size": 20, "crisis_rate": 0.15}


def row(number: int, name: str, **fields: object) -> Conversation:
    """Build a row of four turns, of its own family unless told otherwise."""
    severity = "imminent" if number % 5 == 0 else "low"
    defaults = {
        "family": str(number),
        "category": ("grief", "work", "sleep")[number % 3],
        "gold": Gold(Crisis(severity=severity)),
    }
    turns = [Message(("user", "assistant")[n % 2], f"turn {n} of {number}") for n in range(4)]
    return Conversation(
        id=f"{name} {number}",
        source="s",
        license="x",
        split=name,
        **{"messages": turns, **defaults, **fields},
    )


class Drawn(NamedTuple):
    """What the draw gives for rows that are all in memory, as the split stage writes it."""

    examples: list[ExpertExample]
    wanted: dict
    found: dict
    why: str | None


def draw(rows, **settings):
    """Plan and make the set: rows -> light candidates -> the drawn rows' examples."""
    candidates = (one for one in map(expert.candidate, rows) if one is not None)
    planned = expert.plan(candidates, **settings)
    ids = set(planned.row_of.values())
    made = [expert.example(one, settings["seed"]) for one in rows if one.id in ids]
    return Drawn(sorted(made, key=lambda example: example.id), **planned.figures)


@pytest.fixture
def rows():
    """A hundred rows in train, 60 in validation, 60 in test; each fifth of imminent severity."""
    parts = {"train": range(100), "validation": range(100, 160), "test": range(160, 220)}
    return [row(number, name) for name, numbers in parts.items() for number in numbers]


def test_the_quotas_are_met(rows):
    """Twenty examples, 15 % of them from conversations of high or imminent severity."""
    drawn = draw(rows, **SETTINGS)
    assert len(drawn.examples) == 20
    assert sum(example.crisis for example in drawn.examples) == 3
    assert drawn.wanted == {"examples": 20, "crisis": 3, "other": 17, "crisis_rates": (0.08, 0.2)}
    assert (drawn.found["crisis"], drawn.found["crisis_rate"]) == (3, 0.15)
    assert drawn.found["crisis_rate_in_band"]
    assert drawn.why is None


def test_scenarios_are_balanced(rows):
    """Over the three scenarios twenty examples lie 7, 7 and 6."""
    drawn = draw(rows, **{**SETTINGS, "crisis_rate": 0.0})
    counts = Counter(example.scenario for example in drawn.examples)
    assert sorted(counts.values()) == [6, 7, 7]


def test_nothing_is_drawn_from_train(rows):
    """Every example is of a held-out conversation."""
    drawn = draw(rows, **SETTINGS)
    assert not any(example.conversation.startswith("train") for example in drawn.examples)


def test_at_most_a_third_of_the_held_out_families(rows):
    """Of 60 and 60 families at most 20 and 20 are drawn; the shortfall is said, crisis kept."""
    drawn = draw(rows, **{**SETTINGS, "size": 500})
    assert drawn.found["families"] == {"test": 20, "validation": 20}
    assert (drawn.wanted["examples"], drawn.found["examples"]) == (500, 40)
    assert drawn.found["crisis"] == 6
    assert drawn.why == (
        "40 of 500 examples, 6 of 75 in crisis: at most one a family and a third of the "
        "60 validation and 60 test families may leave the splits."
    )


def test_other_examples_take_the_places_of_missing_crisis_ones():
    """With one crisis family in 120 the set still has its size, and says that the band is missed."""
    rows = [row(number, SPLITS[number % 2]) for number in range(1, 301) if number % 5]
    rows += [row(5, "test")]
    drawn = draw(rows, **SETTINGS)
    assert (drawn.found["examples"], drawn.found["crisis"]) == (20, 1)
    assert not drawn.found["crisis_rate_in_band"]
    assert (
        drawn.why
        == "1 of 3 in crisis: the 120 validation and 121 test families hold no more of them."
    )


def test_crisis_examples_fill_up_to_the_top_of_the_band():
    """Where other families are too few, crisis families take places up to one in five."""
    rows = [row(5 * number, SPLITS[number % 2]) for number in range(60)]
    rows += [row(number, SPLITS[number % 2]) for number in range(1, 11) if number % 5]
    drawn = draw(rows, **{**SETTINGS, "crisis_rate": 0.05})
    assert (drawn.found["examples"], drawn.found["crisis"]) == (10, 2)
    assert drawn.found["crisis_rate"] == 0.2


def test_nothing_to_draw_from_is_an_empty_set():
    """Without held-out families the set is empty, and its crisis rate is unknown, not zero."""
    drawn = draw([row(1, "train")], **SETTINGS)
    assert drawn.examples == []
    assert drawn.found["crisis_rate"] is None
    assert not drawn.found["crisis_rate_in_band"]


@pytest.mark.parametrize("size", [500, 1000])
def test_a_large_corpus_gives_the_whole_set(size):
    """With 4,000 held-out families there are 500 to 1,000 examples, 15 % of them in crisis."""
    rows = [row(number, SPLITS[number % 2]) for number in range(4000)]
    drawn = draw(rows, **{**SETTINGS, "size": size})
    assert drawn.found["examples"] == len({made.id for made in drawn.examples}) == size
    assert drawn.found["crisis"] == round(size * 0.15)
    assert drawn.why is None


def test_difficulties_are_balanced_within_a_theme():
    """Of one theme that is mostly routine, as many hard examples are drawn as routine ones."""
    kinds = {"difficulty": "routine"}, {"difficulty": "hard"}
    rows = [
        row(number, "test", category="grief", **kinds[number % 10 == 1])
        for number in range(200)
        if number % 5
    ]
    drawn = draw(rows, **{**SETTINGS, "crisis_rate": 0.0})
    assert drawn.found["scenarios"] == {"grief/hard": 10, "grief/routine": 10}


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param(["assistant", "user"], id="no reply after the client"),
        pytest.param(["system", "assistant"], id="no client"),
    ],
)
def test_a_row_without_a_reply_is_no_candidate(roles):
    """Only a reply to somebody can be scored; asking for one all the same is our bug."""
    bare = row(1, "test", messages=[Message(role, "words") for role in roles])
    assert expert.candidate(bare) is None
    with pytest.raises(ValueError, match="row test 1 is no candidate"):
        expert.example(bare, seed=1)


def test_the_plan_names_one_row_for_each_family_that_leaves(rows):
    """The plan needs light candidates alone, and its families are those of the examples."""
    candidates = [expert.candidate(one) for one in rows if one.split != "train"]
    planned = expert.plan(iter(candidates), **SETTINGS)
    drawn = draw(rows, **SETTINGS)
    assert planned.row_of == {made.family: made.conversation for made in drawn.examples}
    assert list(planned.row_of) == sorted(planned.row_of)


def test_equal_openings_give_different_examples():
    """Two conversations that open with the same words have examples of their own."""
    words = [Message("user", "hi"), Message("assistant", "hello")]
    made = [expert.example(row(number, "test", messages=words), seed=1) for number in (1, 2)]
    assert made[0].id != made[1].id


def test_at_most_one_example_a_family():
    """A family of thirty rows gives one example."""
    rows = [row(number, "test", family="one") for number in range(30)]
    rows += [row(number, "validation") for number in range(30, 60)]
    drawn = draw(rows, **{**SETTINGS, "crisis_rate": 0.0})
    families = [example.family for example in drawn.examples]
    assert len(families) == len(set(families)) == 10


def test_an_example_is_a_reply_with_all_that_came_before(rows):
    """The context ends with the message that the reply answers; no score is filled in."""
    turns = {r.id: r.messages for r in rows}
    examples = draw(rows, **SETTINGS).examples
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
    examples = draw(rows, **SETTINGS).examples
    assert {len(example.context) for example in examples} == {1, 3}


def test_the_draw_does_not_depend_on_the_order_of_rows(rows):
    """Reversed rows give the same set."""
    assert draw(rows[::-1], **SETTINGS) == draw(rows, **SETTINGS)
