"""Strategy: more context of three kinds: therapeutic, emotional, goals.

An arrival exchange before the opening tells of earlier help (therapeutic), of a feeling (emotional)
or of what the client hopes for (goals); a next-step exchange at the end turns the talk into something
to try (goals). A client at high risk gets neither small talk nor homework, but one exchange on what
to do if it comes back, whatever the mix.
"""

import random
from collections.abc import Mapping

from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, Exchange, acute, cut, exchange, retold, table
from caretune.records import Conversation

_GOALS = "goals"
_KINDS_A_CHILD = (1, 2)
_OWN_TOPIC = 0.7


def draft(parent: Conversation, generator: random.Random, mix: Mapping[str, float]) -> Draft | None:
    """Add context of up to two kinds; None where the turns do not alternate or no kind fits.

    Args:
        parent: The row.
        generator: Draws kinds and lines.
        mix: Kind (therapeutic, emotional, goals) -> its weight among kinds; 0.0 = never.
    """
    told = cut(parent)
    if not told:
        return None
    if acute(parent):
        user, assistant = generator.choice(table("context_expansion")["aftercare"])
        said = voice.match(user, parent.messages)
        return retold(parent, [*told, exchange(said, assistant, "safety_planning")], ["aftercare"])
    greets = voice.greets(told[0].user.content)
    # Who greets has arrived: only what comes after the talk can be added.
    kinds = _drawn({_GOALS: mix[_GOALS]} if greets else mix, generator)
    ends = greets or generator.choice((True, True, False))
    starts = not greets and (not ends or generator.choice((True, False)))
    arriving = [kind for kind in kinds if kind != _GOALS or starts]
    exchanges, edits = list(told), [f"{kind}: arrival" for kind in arriving]
    if arriving:
        exchanges.insert(0, _arrival(parent, arriving, generator))
    if ends and _GOALS in kinds:
        exchanges.append(_next_step(parent, len(told), generator))
        edits.append(f"{_GOALS}: next step")
    return retold(parent, exchanges, edits) if edits else None


def _drawn(mix: Mapping[str, float], generator: random.Random) -> list[str]:
    """Draw one or two kinds by weight, one after the other; fewer where fewer have a weight."""
    left = {kind: mix[kind] for kind in sorted(mix) if mix[kind] > 0}
    drawn: list[str] = []
    most = generator.choice(_KINDS_A_CHILD)
    while left and len(drawn) < most:
        drawn += generator.choices(list(left), list(left.values()))
        del left[drawn[-1]]
    return drawn


def _arrival(parent: Conversation, kinds: list[str], generator: random.Random) -> Exchange:
    """Build the exchange before the opening, a line of each kind."""
    pieces = table("context_expansion")["arrival"]
    chosen = [generator.choice(pieces[kind]) for kind in kinds]
    said = voice.join(*(voice.match(pair[0], parent.messages) for pair in chosen))
    answer = " ".join([*(pair[1] for pair in chosen), generator.choice(pieces["invitation"])])
    return exchange(said, answer, "open_question")


def _next_step(parent: Conversation, exchanges: int, generator: random.Random) -> Exchange:
    """Build the exchange after the talk: a question of its topic's or any talk's, and a step."""
    steps = table("context_expansion")["next_steps"]
    # A single question with its answer asks for practice, a dialogue for its topic's next step.
    talk = exchanges > 1
    general = steps["any" if talk else "question"]
    own = steps.get(parent.category or "", general) if talk else general
    user, assistant = generator.choice(own if generator.random() < _OWN_TOPIC else general)
    return exchange(voice.match(user, parent.messages), assistant, "goal_setting")
