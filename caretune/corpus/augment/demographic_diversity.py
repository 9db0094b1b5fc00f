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

import msgspec

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, Exchange, dialogue, exchange, messages, table
from caretune.records import Client, Conversation, crisis_severity
from caretune.safety.taxonomy import Severity, severity_rank

VERSION = 1
_PROPER_NAME = re.compile(r"\b[A-Z][a-z]")
_FROM_SOMEWHERE = {"culture", "language", "place"}
"""Sides that a background with a people's or a place's name has told."""


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """State another age band or background; None where every side is told already."""
    cut = dialogue(parent)
    rank = severity_rank(crisis_severity(parent) or "none")
    fitting = _fitting(parent)
    if cut is None or not fitting or rank >= severity_rank(Severity.HIGH):
        return None
    chosen = generator.choice(fitting)
    first = cut.exchanges[0]
    said = voice.match(generator.choice(chosen["said"]), parent.messages)
    opening = Exchange(
        msgspec.structs.replace(first.user, content=_joined(first.user.content, said, generator)),
        msgspec.structs.replace(
            first.assistant,
            content=f"{generator.choice(chosen['taken_up'])} {first.assistant.content}",
        ),
    )
    asked, answer = generator.choice(chosen["later"])
    later = exchange(voice.match(asked, parent.messages), answer, "bias_check")
    client = _client(parent.client or Client(), chosen)
    return Draft(
        msgspec.structs.replace(
            parent,
            messages=messages(cut.lead, [opening, *cut.exchanges[1:], later]),
            client=client,
        ),
        [f"{chosen['side']}: {chosen['background']}"],
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
