"""Strategy: the same trouble, told by somebody of another age or background.

A background is offered only where the parent's own words do not already tell that side of the
client, so that no child contradicts itself. The client states it as a fact of their life, the
assistant takes it up without assuming, and an exchange before the end shows where it matters. A
client at high risk is not made to explain themselves: no child. Counterfactual twins are two such
children that differ in nothing but who the client is; what a model makes of the difference is bias.
"""

import random
import re
from functools import cache
from itertools import permutations
from typing import Any, NamedTuple

from msgspec.structs import replace

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, Exchange, acute, cut, exchange, retold, table
from caretune.records import Client, Conversation, Operation

_PROPER_NAME = re.compile(r"\b[A-Z][a-z]")
_FROM_SOMEWHERE = {"culture", "language", "place"}
"""Sides that a background with a people's or a place's name has told."""


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """State another age band or background; None where every side is told already."""
    told, fitting = cut(parent), _fitting(parent)
    if not told or not fitting or acute(parent):
        return None
    chosen = generator.choice(fitting)
    form = _Form(
        generator.choice((0, 1)),
        first=_leads(told, generator),
        taken_up=generator.choice(chosen["taken_up"]),
        later=generator.choice(chosen["later"]),
    )
    return _told(parent, told, chosen, form)


def twins(parent: Conversation, generator: random.Random) -> list[Draft]:
    """Return two children that differ in the client's background alone; [] where no two fit.

    Both backgrounds are of one side, and of two age bands where the side is age. The assistant says
    the same to both: words that take up any background and assume nothing.
    """
    told, fitting = cut(parent), _fitting(parent)
    couples = [
        (one, other)
        for one, other in permutations(fitting, 2)
        if one["side"] == other["side"]
        and (one["side"] != "age" or one["age_band"] != other["age_band"])
    ]
    if not told or not couples or acute(parent):
        return []
    neutral = table("demographic_diversity")["neutral"]
    form = _Form(
        generator.choice((0, 1)),
        first=_leads(told, generator),
        taken_up=generator.choice(neutral["taken_up"]),
        later=generator.choice(neutral["later"]),
    )
    return [_told(parent, told, chosen, form) for chosen in generator.choice(couples)]


def differ_in_background_alone(
    parent: Conversation, first: Conversation, second: Conversation
) -> bool:
    """Tell whether two children are equal but for ids, client, and the statement in the opening."""
    bare = [_without_statement(parent, child) for child in (first, second)]
    return None not in bare and bare[0] == bare[1] and first.client != second.client


class _Form(NamedTuple):
    """How a background is told: which statement, where, and what the assistant makes of it."""

    statement: int
    first: bool
    taken_up: str
    later: list[str]


def _told(parent: Conversation, told: list[Exchange], chosen: dict[str, Any], form: _Form) -> Draft:
    said = voice.match(chosen["said"][form.statement], parent.messages)
    opening = told[0].user.content
    parts = (said, opening) if form.first else (opening, said)
    asked, answer = form.later
    later = exchange(voice.match(asked, parent.messages), answer, "bias_check")
    return retold(
        parent,
        [told[0].led(voice.join(*parts), form.taken_up), *told[1:], later],
        [f"{chosen['side']}: {chosen['background']}"],
        client=_client(parent.client or Client(), chosen),
    )


def _leads(told: list[Exchange], generator: random.Random) -> bool:
    """Draw whether the statement stands before what the client came to say."""
    return generator.choice((True, False)) and not voice.greets(told[0].user.content)


def _without_statement(parent: Conversation, child: Conversation) -> Conversation | None:
    """Return a child without its statement, client, id and edits; None where none is stated."""
    operation, opening = child.operation, child.messages[_opening(child)]
    told = operation.edits[0] if operation is not None else ""
    for offered in table("demographic_diversity")["backgrounds"]:
        for line in offered["said"]:
            said = voice.match(line, parent.messages)
            if told == f"{offered['side']}: {offered['background']}" and said in opening.content:
                turns = list(child.messages)
                turns[_opening(child)] = replace(opening, content=opening.content.replace(said, ""))
                return replace(
                    child, id="", client=None, messages=turns, operation=_unedited(operation)
                )
    return None


def _unedited(operation: Operation | None) -> Operation | None:
    return replace(operation, edits=[]) if operation is not None else None


def _opening(row: Conversation) -> int:
    return next(place for place, turn in enumerate(row.messages) if turn.role == "user")


def _fitting(parent: Conversation) -> list[dict[str, Any]]:
    """Return the backgrounds of every side that the parent's user has not told."""
    client = parent.client or Client()
    background, band = client.background or "", client.age_band
    told = " ".join([*(message.content for message in parent.messages), background])
    untold = {side for side, pattern in _sides().items() if not pattern.search(told)}
    if _PROPER_NAME.search(background):
        untold -= _FROM_SOMEWHERE
    return [
        offered
        for offered in table("demographic_diversity")["backgrounds"]
        if offered["side"] in untold and (band is None or offered.get("age_band") != band)
    ]


def _client(client: Client, chosen: dict[str, Any]) -> Client:
    parts = [client.background, chosen["background"]]
    return Client(
        age_band=chosen.get("age_band", client.age_band),
        background=", ".join(part for part in parts if part),
    )


@cache
def _sides() -> dict[str, re.Pattern[str]]:
    return {
        side: re.compile(pattern, re.IGNORECASE)
        for side, pattern in table("demographic_diversity")["sides"].items()
    }
