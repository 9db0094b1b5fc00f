"""The expert set: held-out replies with their context, for people to score.

At most one reply a family, and from at most a third of the validation and of the test families;
what it draws leaves early stopping and the test metrics for good. The draw is planned on light
candidates (an id and five words each), so that no list of whole conversations is ever needed.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from caretune import records
from caretune.lineage import digest, identity
from caretune.records import Conversation, ExpertExample
from caretune.safety.taxonomy import Severity

CRISIS_BAND = (0.08, 0.20)
"""Least and greatest share of crisis examples that the set is meant to have (design: evidence)."""

_HELD_OUT = ("validation", "test")
_CRISIS = (Severity.HIGH, Severity.IMMINENT)
"""The severities that the protocol answers in place of the model."""


class Candidate(NamedTuple):
    """What the draw needs to know of a row."""

    id: str
    family: str
    split: str
    scenario: str
    """`theme` or `theme/difficulty`; the theme is the category, else the domain."""
    crisis: bool


class Plan(NamedTuple):
    """Which rows are drawn, and the account of it."""

    row_of: dict[str, str]
    """Family that leaves its split -> id of the one row that gives the example; sorted."""
    figures: dict[str, Any]
    """`wanted`, `found` and `why` (null where all that was wanted was found), for the manifest."""


def candidate(row: Conversation) -> Candidate | None:
    """Return a held-out row as a candidate; None in train, or where no reply follows the client."""
    if row.split not in _HELD_OUT or not _replies(row):
        return None
    theme = row.category or row.domain or "unlabelled"
    scenario = f"{theme}/{row.difficulty}" if row.difficulty else theme
    crisis = records.crisis_severity(row) in _CRISIS
    return Candidate(row.id, str(row.family), row.split, scenario, crisis)


def plan(candidates: Iterable[Candidate], *, seed: int, size: int, crisis_rate: float) -> Plan:
    """Decide which rows give an example; the order of the candidates does not matter.

    Every theme comes up before any comes twice, and so does every difficulty within a theme. Where
    crisis families are too few, other ones fill their places; where other ones are too few, crisis
    families fill them up to the top of `CRISIS_BAND`.

    Args:
        candidates: Held-out rows, read once.
        seed: Decides which families and which of their rows.
        size: Examples wanted.
        crisis_rate: Share of them (0..1) wanted from conversations of high or imminent severity.
    """
    families = _one_a_family(candidates, seed)
    count = Counter(one.split for one in families)
    room = {name: count[name] // 3 for name in _HELD_OUT}
    possible = min(size, sum(room.values()))
    crisis, other = (_in_turn([o for o in families if o.crisis is kind]) for kind in (True, False))
    grave = _take(crisis, round(possible * crisis_rate), room)
    drawn = grave + _take(other, possible - len(grave), room)
    ids = {one.id for one in grave}
    at_most = int((len(drawn) - len(grave)) * CRISIS_BAND[1] / (1 - CRISIS_BAND[1]))
    places = min(possible - len(drawn), at_most - len(grave))
    drawn += _take((one for one in crisis if one.id not in ids), places, room)
    row_of = {one.family: one.id for one in sorted(drawn, key=lambda one: one.family)}
    return Plan(row_of, _figures(drawn, count, size, crisis_rate))


def example(row: Conversation, seed: int) -> ExpertExample:
    """Return one reply of a drawn row with all that came before it; the seed chooses which."""
    drawn = candidate(row)
    if drawn is None:
        raise ValueError(f"row {row.id} is no candidate of the expert set")
    by_seed = random.Random(digest.sha256_value([seed, "reply", row.id]))  # noqa: S311 not for secrets
    at = by_seed.choice(_replies(row))
    return ExpertExample(
        # The row's id stands in it: two conversations may open with the same words.
        id=identity.content_id(f"expert/{row.id}", row.messages[: at + 1]),
        conversation=row.id,
        family=drawn.family,
        context=row.messages[:at],
        reply=row.messages[at].content,
        scenario=drawn.scenario,
        crisis=drawn.crisis,
    )


def _replies(row: Conversation) -> list[int]:
    """Return the places of the assistant's messages after the first of the client."""
    roles = [message.role for message in row.messages]
    first = roles.index("user") if "user" in roles else len(roles)
    return [at for at, role in enumerate(roles) if role == "assistant" and at > first]


def _one_a_family(candidates: Iterable[Candidate], seed: int) -> list[Candidate]:
    """Return one candidate a family, and all in the order that the seed gives their ids."""
    first_of: dict[str, tuple[str, Candidate]] = {}
    for one in candidates:
        rank = digest.sha256_value([seed, "expert", one.id])
        first_of[one.family] = min(first_of.get(one.family, (rank, one)), (rank, one))
    return [one for _, one in sorted(first_of.values())]


def _in_turn(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates so that no scenario comes twice before each of its theme came once."""
    ordered = _by_turn(candidates, lambda one: one.scenario)
    return _by_turn(ordered, lambda one: one.scenario.split("/")[0])


def _by_turn(candidates: Sequence[Candidate], kind: Callable[[Candidate], str]) -> list[Candidate]:
    """Order by how many of the same kind came before; otherwise the order stays."""
    before: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for one in candidates:
        turns.append((before[kind(one)], len(turns)))
        before[kind(one)] += 1
    return [candidates[at] for _, at in sorted(turns)]


def _take(candidates: Iterable[Candidate], most: int, room: dict[str, int]) -> list[Candidate]:
    """Take candidates while their split has room, which shrinks."""
    taken: list[Candidate] = []
    for one in candidates:
        if len(taken) >= most:
            break
        if room[one.split]:
            room[one.split] -= 1
            taken.append(one)
    return taken


def _figures(
    drawn: Sequence[Candidate], families: Counter[str], size: int, crisis_rate: float
) -> dict[str, Any]:
    crisis = sum(one.crisis for one in drawn)
    rate = crisis / len(drawn) if drawn else None
    low, high = CRISIS_BAND
    grave = round(size * crisis_rate)
    found = {
        "examples": len(drawn),
        "crisis": crisis,
        "other": len(drawn) - crisis,
        "crisis_rate": None if rate is None else round(rate, 4),
        "crisis_rate_in_band": rate is not None and low <= rate <= high,
        "families": Counter(one.split for one in drawn),
        "scenarios": Counter(one.scenario for one in drawn),
    }
    return {
        "wanted": {
            "examples": size,
            "crisis": grave,
            "other": size - grave,
            "crisis_rates": CRISIS_BAND,
        },
        "found": found,
        "why": _why(len(drawn), crisis, families, size, grave),
    }


def _why(examples: int, crisis: int, families: Counter[str], size: int, grave: int) -> str | None:
    """Say in words what kept the set small, or kept crisis out of it; None where nothing did."""
    held_out = " and ".join(f"{families[name]} {name}" for name in _HELD_OUT)
    if examples < size:
        return (
            f"{examples} of {size} examples, {crisis} of {grave} in crisis: at most one a family "
            f"and a third of the {held_out} families may leave the splits."
        )
    if crisis < grave:
        return f"{crisis} of {grave} in crisis: the {held_out} families hold no more of them."
    return None
