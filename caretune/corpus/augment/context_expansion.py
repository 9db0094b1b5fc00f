"""Strategy: more context: how the client arrives, what they hope for, what comes next.

An arrival exchange before the opening gives therapeutic context (earlier help), a feeling or a
goal; a next-step exchange at the end turns the talk into something to try. A client at high
risk gets neither small talk nor homework, but one exchange on what to do if it comes back.
"""

import random

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, Exchange, acute, cut, exchange, retold, table
from caretune.records import Conversation, Message

_OWN_TOPIC = 0.7


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """Add an arrival, a next step or both; None where the turns do not alternate."""
    told = cut(parent)
    if not told:
        return None
    if acute(parent):
        added = _spoken(generator.choice(table("context_expansion")["aftercare"]), parent)
        return retold(parent, [*told, exchange(*added, "safety_planning")], ["aftercare"])
    arrives = not voice.greets(told[0].user.content)
    kind = generator.choice(["arrival", "next_step", "both"]) if arrives else "next_step"
    exchanges, edits = told, []
    if kind != "next_step":
        arrival, parts = _arrival(parent.messages, generator)
        exchanges, edits = [arrival, *told], [f"arrival: {part}" for part in parts]
    if kind != "arrival":
        steps = table("context_expansion")["next_steps"]
        # A single question with its answer asks for practice, a dialogue for its topic's next step.
        talk = len(told) > 1
        general = steps["any" if talk else "question"]
        own = steps.get(parent.category or "", general) if talk else general
        chosen = generator.choice(own if generator.random() < _OWN_TOPIC else general)
        exchanges.append(exchange(*_spoken(chosen, parent), "goal_setting"))
        edits.append("next step")
    return retold(parent, exchanges, edits)


def _arrival(turns: list[Message], generator: random.Random) -> tuple[Exchange, list[str]]:
    """Build the exchange before the opening from two of history, feeling and goal."""
    pieces = table("context_expansion")["arrival"]
    parts = generator.sample(["history", "feeling", "goal"], 2)
    chosen = [generator.choice(pieces[part]) for part in parts]
    said = voice.join(*(voice.match(pair[0], turns) for pair in chosen))
    answer = " ".join([*(pair[1] for pair in chosen), generator.choice(pieces["invitation"])])
    return exchange(said, answer, "open_question"), parts


def _spoken(pair: list[str], parent: Conversation) -> tuple[str, str]:
    return voice.match(pair[0], parent.messages), pair[1]
