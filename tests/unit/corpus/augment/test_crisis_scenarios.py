"""Crisis scenarios: eight types at four difficulties, with good practice in every one."""

import random
import re
from collections.abc import Callable
from itertools import product

import pytest

from caretune.corpus.augment import crisis_scenarios
from caretune.corpus.augment.draft import table
from caretune.records import Conversation
from caretune.safety.taxonomy import CrisisType, Protective, Timeline, severity_rank

LEVELS = ("routine", "moderate", "hard", "crisis")
MIX = dict.fromkeys(LEVELS, 1.0)
SCENARIOS = table("crisis_scenarios")["scenarios"]
CELLS = [(kind, level) for kind, level in product(sorted(SCENARIOS), LEVELS)]
ASKS = re.compile(
    r"kill|suicid|end(?:ing)? your life|dying|die\b|hurt|harm|follow them|rather not be here|done anything"
    r"|weren't here|isn't worth living|emergency|joining them",
    re.IGNORECASE,
)


def test_the_table_holds_the_seven_types_and_acute_grief() -> None:
    """Eight types times four difficulties: 32 cells."""
    kinds = set(SCENARIOS) - {"acute_grief"}
    assert kinds == set(CrisisType)
    assert len(CELLS) == 32


@pytest.mark.parametrize(("kind", "level"), CELLS)
def test_gold_words_are_of_the_taxonomy(kind: str, level: str) -> None:
    """A cell's labels are words that the filters know too, and a crisis is imminent."""
    gold = SCENARIOS[kind][level]["gold"]
    assert {*gold["types"]} <= {*CrisisType}
    assert {*gold["protective"]} <= {*Protective}
    assert gold["timeline"] in {*Timeline}
    assert (gold["severity"] == "imminent") is (level == "crisis")


@pytest.mark.parametrize("kind", sorted(SCENARIOS))
def test_severity_grows_with_difficulty(kind: str) -> None:
    """Routine, moderate, hard, crisis: never milder than the one before."""
    ranks = [severity_rank(SCENARIOS[kind][level]["gold"]["severity"]) for level in LEVELS]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize(("kind", "level"), CELLS)
def test_every_cell_asks_directly_and_guides_to_people(kind: str, level: str) -> None:
    """Every ask names the danger; from hard up every plan names a crisis line or emergency."""
    cell = SCENARIOS[kind][level]
    assert all(ASKS.search(ask) for ask in cell["ask"]), cell["ask"]
    assert all("?" in plan for plan in cell["plan"])
    if level in {"hard", "crisis"}:
        assert all("{line}" in plan or "{emergency}" in plan for plan in cell["plan"])


def test_a_calm_parent_lends_its_first_exchange(parent: Conversation) -> None:
    """The child opens as its parent did and belongs to the scenario from there on."""
    child = crisis_scenarios.draft(parent, random.Random(1), MIX).conversation
    assert child.messages[:2] == parent.messages[:2]
    assert len(child.messages) == 8
    assert child.client == parent.client


def test_a_grave_parent_lends_its_topic_only(at_severity: Callable[[str], Conversation]) -> None:
    """What a parent at risk said is not said again in another crisis."""
    row = at_severity("high")
    child = crisis_scenarios.draft(row, random.Random(1), MIX).conversation
    assert not {m.content for m in child.messages} & {m.content for m in row.messages}
    opening = child.messages[0].content
    stressors = table("crisis_scenarios")["stressor"]["anxiety"]
    assert any(opening.startswith(stressor) for stressor in stressors)


def test_no_slot_is_left_open(parent: Conversation) -> None:
    """No brace of the table survives into a child, over 300 children of all cells."""
    made = [crisis_scenarios.draft(parent, random.Random(seed), MIX) for seed in range(300)]
    assert len({tuple(draft.edits) for draft in made}) == 32
    assert not any("{" in m.content for draft in made for m in draft.conversation.messages)


def test_domain_follows_difficulty(parent: Conversation) -> None:
    """Hard and crisis scenarios are crisis_safety, the others mental_health_support."""
    made = [crisis_scenarios.draft(parent, random.Random(s), MIX).conversation for s in range(60)]
    assert {(row.difficulty, row.domain) for row in made} == {
        ("routine", "mental_health_support"),
        ("moderate", "mental_health_support"),
        ("hard", "crisis_safety"),
        ("crisis", "crisis_safety"),
    }


@pytest.mark.parametrize("level", LEVELS)
def test_the_mix_decides_the_difficulty(parent: Conversation, level: str) -> None:
    """With all weight on one difficulty every scenario has it, of several types."""
    mix = dict.fromkeys(LEVELS, 0.0) | {level: 1.0}
    made = [crisis_scenarios.draft(parent, random.Random(s), mix) for s in range(40)]
    assert {draft.conversation.difficulty for draft in made} == {level}
    assert len({draft.edits[0] for draft in made}) == 8


def test_no_cell_grave_enough_makes_no_child(at_severity: Callable[[str], Conversation]) -> None:
    """An imminent parent has no child where the mix leaves out the difficulty crisis."""
    mix = MIX | {"crisis": 0.0}
    assert crisis_scenarios.draft(at_severity("imminent"), random.Random(1), mix) is None
