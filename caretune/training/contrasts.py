"""What the objectives compare: labelled replies, and replies in and out of their place."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.model import chat
from caretune.records import Conversation, Message
from caretune.safety import design, features, grouping
from caretune.safety.examples import LabelledMessage

HELD_OUT_RATE = 0.2
"""Share of the situations of labelled replies that nothing is learnt from."""
_BITS = 18
"""Size of the hashed space, as a power of two, in which situations are compared."""
_LEAST = 5
"""Replies of each kind, of which about one is held out."""


class Row(NamedTuple):
    """A reply in its context."""

    input_ids: list[int]
    said: list[int]
    """1 on the tokens of the reply, its end included; else 0."""


class Pair(NamedTuple):
    """One context with its own reply, and with one from a conversation of another family."""

    true: Row
    false: Row


@dataclass(frozen=True)
class Replies:
    """Labelled replies."""

    fit: list[Row]
    unfit: list[Row]

    @property
    def rows(self) -> list[Row]:
        """All of them, the fit ones first."""
        return [*self.fit, *self.unfit]


def parted(
    tokenizer: Any, replies: Sequence[LabelledMessage], max_length: int, seed: int
) -> tuple[Replies, Replies]:
    """Part labelled replies into what is learnt from and what is held out, whole situations each.

    Args:
        tokenizer: The base's tokenizer.
        replies: Replies labelled appropriate or not, each with its context; () for none.
        max_length: Longest context and reply, in tokens.
        seed: Seed of what is held out.

    Raises:
        ModelError: There are some, but too few of a kind.
    """
    if not replies:
        return Replies([], []), Replies([], [])
    ordered = sorted(replies, key=lambda reply: (reply.context or "", reply.text))
    kinds = [bool(reply.label["appropriate"]) for reply in ordered]
    if min(kinds.count(True), kinds.count(False)) < _LEAST:
        raise ModelError(_too_few(kinds.count(True), kinds.count(False)))
    parts = {held: Replies([], []) for held in (False, True)}
    for reply, fit, situation in zip(ordered, kinds, _situations(ordered), strict=True):
        part = parts[_share(digest.sha256_value([seed, "held out", situation])) < HELD_OUT_RATE]
        row = _encoded(tokenizer, [Message("user", reply.context or "")], reply.text, max_length)
        (part.fit if fit else part.unfit).append(row)
    if not all(part.fit and part.unfit for part in parts.values()):
        raise ModelError(_too_few(kinds.count(True), kinds.count(False)))
    return parts[False], parts[True]


def _too_few(fit: int, unfit: int) -> str:
    return (
        f"{fit} appropriate and {unfit} inappropriate labelled replies are too few to hold out a "
        "fifth of their situations; label more, or give none and set "
        "params.train.objectives.safety_weight to 0."
    )


def _situations(replies: Sequence[LabelledMessage]) -> list[str]:
    """Return the situation of each reply: the first of the contexts that are alike.

    The authors wrote many replies as twins, the same trouble told twice with a fit and an unfit
    answer; a twin of a held-out reply must not be learnt from.
    """
    rows = [features.row(r.text, (), _BITS, (r.context or "").lower()) for r in replies]
    alike = grouping.groups(design.matrix(rows, _BITS), rows, [r.context for r in replies]).tolist()
    first: dict[int, str] = {}
    return [
        first.setdefault(group, reply.context or "")
        for group, reply in zip(alike, replies, strict=True)
    ]


def talks(conversations: Sequence[Conversation]) -> list[Conversation]:
    """Return the conversations with a reply, by id."""
    return sorted((row for row in conversations if _places(row)), key=lambda row: row.id)


def _places(conversation: Conversation) -> list[int]:
    """Return the places of the replies that answer somebody."""
    messages = conversation.messages
    asked = next((place for place, m in enumerate(messages) if m.role == "user"), len(messages))
    return [p for p, m in enumerate(messages) if m.role == "assistant" and p > asked]


def _family(conversation: Conversation) -> str:
    return conversation.family or conversation.id


def has_families(talks: Sequence[Conversation]) -> bool:
    """Return whether there are two families to compare."""
    return len({_family(row) for row in talks}) > 1


def sample(talks: Sequence[Conversation], count: int, seed: int) -> list[Conversation]:
    """Return at most `count` conversations, those whose digests come first, by id."""
    chosen = sorted(talks, key=lambda row: digest.sha256_value([seed, "probed", row.id]))[:count]
    return sorted(chosen, key=lambda row: row.id)


def pair(
    tokenizer: Any,
    own: Conversation,
    talks: Sequence[Conversation],
    drawn: random.Random,
    max_length: int,
) -> Pair:
    """Draw one reply of a conversation, and one of another family to stand in its place.

    Both stand behind the same messages, as many as fit before the longer of the two.
    """
    place = drawn.choice(_places(own))
    other = drawn.choice([row for row in talks if _family(row) != _family(own)])
    replies = [own.messages[place], other.messages[drawn.choice(_places(other))]]
    context = own.messages[:place]
    dropped = max(chat.encode(tokenizer, [*context, m], max_length).dropped for m in replies)
    head = [m for m in context[:1] if m.role == "system"]
    shared = head + context[len(head) + dropped :]
    return Pair(*(_encoded(tokenizer, shared, m.content, max_length) for m in replies))


def _encoded(tokenizer: Any, context: Sequence[Message], reply: str, max_length: int) -> Row:
    """Encode a reply in its context; of the replies in it the last one alone is said."""
    ids, mask, _, _ = chat.encode(tokenizer, [*context, Message("assistant", reply)], max_length)
    end = len(mask) - mask[::-1].index(1)
    begin = next((place for place in range(end, 0, -1) if not mask[place - 1]), 0)
    return Row(ids, [int(begin <= place < end) for place in range(len(mask))])


def generator(seed: int, what: str, key: int | str) -> random.Random:
    """Return the generator of one draw; other draws do not move it."""
    return random.Random(digest.sha256_value([seed, what, key]))  # noqa: S311 - no secret


def _share(sha256: str) -> float:
    """Return a digest as a number from 0 to below 1."""
    return int(sha256[:12], 16) / 16**12
