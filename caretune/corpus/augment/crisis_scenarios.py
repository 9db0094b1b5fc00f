"""Strategy: a new short dialogue about a crisis, in the parent's family.

Eight types (the seven of the taxonomy and acute grief) at four difficulties. A calm parent lends
its first exchange, so that the client, their life and their way of writing come from there; a
parent at moderate risk or above lends its topic only. The scenario's authors set the gold labels,
and a cell below the parent's severity is never chosen.
"""

import random
import re

import msgspec

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Dialogue, Draft, dialogue, exchange, messages, table
from caretune.records import Conversation, Crisis, Gold, crisis_severity
from caretune.safety.taxonomy import Severity, severity_rank

VERSION = 1
_LEVELS = ("routine", "moderate", "hard", "crisis")
_ACUTE = ("hard", "crisis")
_SENTENCE_START = re.compile(r"^[a-z]|(?<=[.!?] )[a-z]")


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """Write a scenario at or above the parent's severity; None where turns do not alternate."""
    cut = dialogue(parent)
    if cut is None:
        return None
    scenarios = table("crisis_scenarios")["scenarios"]
    floor = severity_rank(crisis_severity(parent) or "none")
    kind, level = generator.choice(
        [
            (kind, level)
            for kind in sorted(scenarios)
            for level in _LEVELS
            if severity_rank(scenarios[kind][level]["gold"]["severity"]) >= floor
        ]
    )
    calm = floor < severity_rank(Severity.MODERATE)
    lent = cut.exchanges[:1] if calm else []
    turns = _turns(kind, level, parent, generator, opening=_opening(cut, parent, calm, generator))
    spoken = [exchange(voice.match(user, parent.messages), *answer) for user, *answer in turns]
    child = msgspec.structs.replace(
        parent,
        messages=messages(cut.lead, [*lent, *spoken]),
        gold=Gold(msgspec.convert(scenarios[kind][level]["gold"], Crisis)),
        category=scenarios[kind]["category"],
        difficulty=level,
        domain="crisis_safety" if level in _ACUTE else "mental_health_support",
    )
    return Draft(child, [f"scenario: {kind}", f"difficulty: {level}"])


def _opening(cut: Dialogue, parent: Conversation, calm: bool, generator: random.Random) -> str:
    """Return the sentence that leads from the parent to the disclosure."""
    lines = table("crisis_scenarios")
    if calm:
        return str(
            generator.choice(lines["bridge"]["dialogue" if len(cut.exchanges) > 1 else "question"])
        )
    return str(
        generator.choice(lines["stressor"].get(parent.category or "", lines["stressor"]["any"]))
    )


def _turns(
    kind: str, level: str, parent: Conversation, generator: random.Random, opening: str
) -> list[tuple[str, str, str]]:
    """Return the scenario's three exchanges: (client's line, assistant's line, strategy)."""
    lines = table("crisis_scenarios")
    cell = lines["scenarios"][kind][level]
    age_band = parent.client.age_band if parent.client is not None else None
    slots = {
        "line": generator.choice(lines["lines"]),
        "emergency": generator.choice(lines["emergency"]),
        "helper": generator.choice(
            lines["helpers"].get(age_band or "any", lines["helpers"]["any"])
        ),
    }

    def line(choices: list[str]) -> str:
        filled = generator.choice(choices).format_map(slots)
        return _SENTENCE_START.sub(lambda letter: letter[0].upper(), filled)

    heard = generator.choice(lines["scenarios"][kind]["heard"])
    return [
        (
            f"{opening} {line(cell['disclose'])}",
            f"{heard} {line(cell['ask'])}",
            "safety_assessment",
        ),
        (line(cell["answer"]), line(cell["plan"]), "safety_planning"),
        (line(lines["accept"][level]), line(lines["close"][level]), "safety_planning"),
    ]
