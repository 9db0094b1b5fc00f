"""Strategy: the same trouble, told by somebody of another age or background.

A background is offered only where the parent's own words do not already tell that side of the
client, so that no child contradicts itself. The client states it as a fact of their life, the
assistant takes it up without assuming, and an exchange before the end shows where it matters. A
client at high risk is not made to explain themselves: no child.
"""

import random
import re
from functools import cache
from typing import Any

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, acute, cut, exchange, retold, table
from caretune.records import Client, Conversation

_PROPER_NAME = re.compile(r"\b[A-Z][a-z]")
_FROM_SOMEWHERE = {"culture", "language", "place"}
"""Sides that a background with a people's or a place's name has told."""


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """State another age band or background; None where every side is told already."""
    told, fitting = cut(parent), _fitting(parent)
    if not told or not fitting or acute(parent):
        return None
    chosen = generator.choice(fitting)
    said = voice.match(generator.choice(chosen["said"]), parent.messages)
    joined = _joined(told[0].user.content, said, generator)
    opening = told[0].led(joined, generator.choice(chosen["taken_up"]))
    asked, answer = generator.choice(chosen["later"])
    later = exchange(voice.match(asked, parent.messages), answer, "bias_check")
    return retold(
        parent,
        [opening, *told[1:], later],
        [f"{chosen['side']}: {chosen['background']}"],
        client=_client(parent.client or Client(), chosen),
    )


def _joined(opening: str, said: str, generator: random.Random) -> str:
    """Put the statement before or after what the client came to say."""
    first = generator.choice((True, False)) and not voice.greets(opening)
    return voice.join(said, opening) if first else voice.join(opening, said)


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
