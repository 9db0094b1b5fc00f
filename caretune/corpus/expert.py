"""The expert set: held-out replies with their context, for people to score.

At most one reply a family, and from at most a third of the validation and of the test families;
what it draws leaves early stopping and the test metrics for good.
"""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from caretune import records
from caretune.lineage import digest, identity
from caretune.records import Conversation, ExpertExample
from caretune.safety.taxonomy import Severity

_HELD_OUT = ("validation", "test")
_CRISIS = (Severity.HIGH, Severity.IMMINENT)
"""The severities that the protocol answers in place of the model."""


class ExpertSet(NamedTuple):
    """The examples, sorted by id, and the wanted and found figures of the manifest."""

    examples: list[ExpertExample]
    wanted: dict[str, int]
    found: dict[str, Any]


def draw(rows: Sequence[Conversation], *, seed: int, size: int, crisis_rate: float) -> ExpertSet:
    """Draw the expert set from split rows.

    Args:
        rows: Rows with family and split.
        seed: Decides which families and which replies.
        size: Replies wanted.
        crisis_rate: Share of them (0..1) wanted from conversations of high or imminent severity.
    """
    held_out = [row for row in rows if row.split in _HELD_OUT]
    families = {(row.split, row.family) for row in held_out}
    room = {name: sum(split == name for split, _ in families) // 3 for name in _HELD_OUT}
    possible = min(size, sum(room.values()))
    left = {True: round(possible * crisis_rate)}
    left[False] = possible - left[True]
    drawn: list[Conversation] = []
    for row in sorted(_in_turn(held_out, seed), key=lambda row: not _is_crisis(row)):
        if room[str(row.split)] and left[_is_crisis(row)]:
            room[str(row.split)] -= 1
            left[_is_crisis(row)] -= 1
            drawn.append(row)
    examples = sorted((_example(row, seed) for row in drawn), key=lambda example: example.id)
    crisis = round(size * crisis_rate)
    wanted = {"examples": size, "crisis": crisis, "other": size - crisis}
    return ExpertSet(examples, wanted, _found(drawn))


def _in_turn(rows: Sequence[Conversation], seed: int) -> list[Conversation]:
    """Return one row a family, so ordered that every scenario comes up before any comes twice."""
    first_of: dict[str | None, Conversation] = {}
    for row in sorted(rows, key=lambda row: digest.sha256_value([seed, "expert", row.id])):
        first_of.setdefault(row.family, row)
    before: Counter[tuple[bool, str]] = Counter()
    turn: dict[str, int] = {}
    for row in first_of.values():
        kind = (_is_crisis(row), _scenario(row))
        turn[row.id] = before[kind]
        before[kind] += 1
    return sorted(first_of.values(), key=lambda row: turn[row.id])


def _example(row: Conversation, seed: int) -> ExpertExample:
    """Choose one of the replies that has a user message before it."""
    roles = [message.role for message in row.messages]
    first = roles.index("user")
    replies = [at for at, role in enumerate(roles) if role == "assistant" and at > first]
    at = random.Random(digest.sha256_value([seed, "reply", row.id])).choice(replies)  # noqa: S311 not for secrets
    return ExpertExample(
        id=identity.content_id(f"expert/{row.source}", row.messages[: at + 1]),
        conversation=row.id,
        family=str(row.family),
        context=row.messages[:at],
        reply=row.messages[at].content,
        scenario=_scenario(row),
        crisis=_is_crisis(row),
    )


def _found(drawn: Sequence[Conversation]) -> dict[str, Any]:
    crisis = sum(_is_crisis(row) for row in drawn)
    return {
        "examples": len(drawn),
        "crisis": crisis,
        "other": len(drawn) - crisis,
        "families": Counter(str(row.split) for row in drawn),
        "scenarios": Counter(map(_scenario, drawn)),
    }


def _scenario(row: Conversation) -> str:
    return row.category or row.domain or "unlabelled"


def _is_crisis(row: Conversation) -> bool:
    return records.crisis_severity(row) in _CRISIS
