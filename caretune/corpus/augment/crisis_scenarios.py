"""Strategy: a new short dialogue about a crisis, in the parent's family.

Eight types (the seven of the taxonomy and acute grief) at four difficulties. A calm parent lends
its first exchange, so that the client, their life and their way of writing come from there; a
parent at moderate risk or above lends its topic only. The scenario's authors set the gold labels,
and a cell below the parent's severity is never chosen. Difficulties come up by their weights.
"""

import random
import re
from collections.abc import Mapping

import msgspec

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, calm, cut, exchange, retold, severity, table
from caretune.records import Conversation, Crisis, Gold
from caretune.safety.taxonomy import severity_rank

_LEVELS = ("routine", "moderate", "hard", "crisis")
_ACUTE = ("hard", "crisis")
_SENTENCE_START = re.compile(r"^[a-z]|(?<=[.!?] )[a-z]")


def draft(parent: Conversation, generator: random.Random, mix: Mapping[str, float]) -> Draft | None:
    """Write a scenario at or above the parent's severity.

    None where the turns do not alternate, or where no cell grave enough has a weight.

    Args:
        parent: The row.
        generator: Draws cell and lines.
        mix: Difficulty (routine, moderate, hard, crisis) -> its weight among cells; 0.0 = never.
    """
    told = cut(parent)
    lines, floor = table("crisis_scenarios"), severity(parent)
    scenarios = lines["scenarios"]
    possible = [
        (kind, level)
        for kind in sorted(scenarios)
        for level in _LEVELS
        if mix[level] > 0 and severity_rank(scenarios[kind][level]["gold"]["severity"]) >= floor
    ]
    if not told or not possible:
        return None
    [(kind, level)] = generator.choices(possible, [mix[level] for _, level in possible])
    if calm(parent):
        lent, openings = told[:1], lines["bridge"]["dialogue" if len(told) > 1 else "question"]
    else:
        lent, openings = [], lines["stressor"].get(parent.category, lines["stressor"]["any"])
    turns = _turns(kind, level, parent, generator, opening=generator.choice(openings))
    spoken = [exchange(voice.match(user, parent.messages), *answer) for user, *answer in turns]
    return retold(
        parent,
        [*lent, *spoken],
        [f"scenario: {kind}", f"difficulty: {level}"],
        gold=Gold(msgspec.convert(scenarios[kind][level]["gold"], Crisis)),
        category=scenarios[kind]["category"],
        difficulty=level,
        domain="crisis_safety" if level in _ACUTE else "mental_health_support",
    )


def _turns(
    kind: str, level: str, parent: Conversation, generator: random.Random, opening: str
) -> list[tuple[str, str, str]]:
    """Return the scenario's three exchanges: (client's line, assistant's line, strategy)."""
    lines = table("crisis_scenarios")
    cell = lines["scenarios"][kind][level]
    age_band = parent.client.age_band if parent.client is not None else None
    helpers = lines["helpers"].get(age_band, lines["helpers"]["any"])
    slots = {
        "line": generator.choice(lines["lines"]),
        "emergency": generator.choice(lines["emergency"]),
        "helper": generator.choice(helpers),
    }

    def line(choices: list[str]) -> str:
        filled = generator.choice(choices).format_map(slots)
        return _SENTENCE_START.sub(lambda letter: letter[0].upper(), filled)

    heard = generator.choice(lines["scenarios"][kind]["heard"])
    disclosed, asked = f"{opening} {line(cell['disclose'])}", f"{heard} {line(cell['ask'])}"
    return [
        (disclosed, asked, "safety_assessment"),
        (line(cell["answer"]), line(cell["plan"]), "safety_planning"),
        (line(lines["accept"][level]), line(lines["close"][level]), "safety_planning"),
    ]
