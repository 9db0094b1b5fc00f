"""Strategy: the same talk with another opening, length or close.

Exchanges are dropped from the end only, before a close of their own: without a middle exchange the
next answer hangs in the air, which reading a sample showed at once. Nothing that carries risk is
dropped, a dialogue at moderate risk or above keeps its whole length, and one at high risk ends on
staying safe and not on a summary.
"""

import random
import re

from caretune.corpus import crisis_wording
from caretune.corpus.augment import voice
from caretune.corpus.augment.draft import Draft, Exchange, acute, calm, cut, exchange, retold, table
from caretune.records import Conversation, Message

_GREETED = 0.6
_SHORTENED = 0.7
_QUOTE_WORDS = range(5, 13)
_LAST = 3
_FEWEST = 3
"""Exchanges that a shortened dialogue keeps at least, its close not counted."""


def draft(parent: Conversation, generator: random.Random) -> Draft | None:
    """Vary opening, length and close; None where the turns do not alternate."""
    told = cut(parent)
    if not told:
        return None
    exchanges, edits = list(told), []
    if acute(parent):
        user, assistant = generator.choice(table("dialogue_variation")["crisis_closing"])
        closing = exchange(voice.match(user, parent.messages), assistant, "safety_planning")
        edits.append("crisis closing")
    else:
        if calm(parent) and generator.random() < _SHORTENED:
            length = _length(exchanges, crisis_wording.pattern(parent), generator)
            exchanges = exchanges[:length]
        early = len(told) - len(exchanges)
        edits.append(f"closing after dropping {early}" if early else "closing")
        closing = _closing(exchanges, parent, early > 0, generator)
        if not voice.greets(exchanges[0].user.content) and generator.random() < _GREETED:
            exchanges[0] = _greeted(exchanges[0], parent.messages, generator)
            edits.append("greeting")
    return retold(parent, [*exchanges, closing], edits)


def _length(exchanges: list[Exchange], risk: re.Pattern[str], generator: random.Random) -> int:
    """Choose how many exchanges stay: no exchange that carries risk is ever dropped."""
    risky = (
        position
        for position, pair in enumerate(exchanges, start=1)
        if any(risk.search(turn.content) for turn in pair)
    )
    fewest = max([_FEWEST, *risky])
    return generator.randint(fewest, max(fewest, len(exchanges) - 1))


def _greeted(first: Exchange, turns: list[Message], generator: random.Random) -> Exchange:
    """Let both sides say hello before the first exchange's own words."""
    greeting = table("dialogue_variation")["greeting"]
    hello = voice.match(generator.choice(greeting["user"]), turns)
    user = voice.join(hello, first.user.content)
    return first.led(user, generator.choice(greeting["assistant"]))


def _closing(
    exchanges: list[Exchange], parent: Conversation, early: bool, generator: random.Random
) -> Exchange:
    """Build the last exchange: the client asks for a summary, the labels say what is in it."""
    lines = table("dialogue_variation")
    summary = lines["summary"]
    asked = generator.choice(lines["closing"]["early" if early else "late"])
    category = parent.category if len(exchanges) > 1 else None
    topics = summary["topic"].get(category, summary["topic"]["any"])
    # In the order in which they came, each once.
    seen = dict.fromkeys(pair.assistant.strategy or "" for pair in exchanges)
    strategies = [strategy for strategy in seen if strategy in summary["done"]]
    quote = _quote(exchanges, crisis_wording.pattern(parent), generator)
    answer = [
        generator.choice(summary["opener"]),
        generator.choice(topics),
        *([generator.choice(summary["quote"]).format(quote=quote)] if quote else []),
        *(generator.choice(summary["done"][strategy]) for strategy in strategies[-2:]),
        generator.choice(summary["farewell"]),
    ]
    return exchange(voice.match(asked, parent.messages), " ".join(answer), "summary")


def _quote(
    exchanges: list[Exchange], risk: re.Pattern[str], generator: random.Random
) -> str | None:
    """Choose a short sentence of the client's own, free of risk, to hand back to them."""
    sentences = [
        sentence.strip().rstrip(".")
        for pair in exchanges[-_LAST:]
        for sentence in crisis_wording.sentences(pair.user.content)
        if not risk.search(sentence) and '"' not in sentence and "?" not in sentence
    ]
    fitting = [sentence for sentence in sentences if len(sentence.split()) in _QUOTE_WORDS]
    return generator.choice(fitting) if fitting else None
