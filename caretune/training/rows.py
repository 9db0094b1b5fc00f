"""Conversations as training rows: ids, labels on the replies alone, and the domain's expert."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from datasets import Dataset

from caretune.errors import ModelError
from caretune.model import chat
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.records import Conversation, Message

IGNORED = -100
"""Label of a token that trains nothing; torch's cross-entropy passes over it."""
DOMAIN_COLUMN = "domain_ids"
_GENERAL = "general"
"""Expert of the rows whose domain is none of the experts."""


class Rows(NamedTuple):
    """Rows ready for the trainer, and what the length limit cost."""

    dataset: Dataset
    cut: int
    """Rows that lost their oldest messages."""
    clipped: int
    """Rows whose last exchange alone was too long."""


def prepare(
    tokenizer: Any,
    conversations: Iterable[Conversation],
    max_length: int,
    experts: Sequence[str] | None,
) -> Rows:
    """Encode conversations, sorted by length and id, with labels on the assistant's turns.

    Args:
        tokenizer: The base's tokenizer.
        conversations: Labelled rows.
        max_length: Longest row in tokens; a longer one loses its oldest turns.
        experts: Names of the experts; the one that bears a row's domain is that row's expert, a
            row of another domain is of the expert `general`, or of none where there is no such
            expert; so is a row without domain. None for an adapter without experts.

    Raises:
        ModelError: There are no rows, one has nothing to train, or no row has an expert.
    """
    pairs = [(c, chat.encode(tokenizer, _to_last_reply(c), max_length)) for c in conversations]
    if not pairs:
        raise ModelError("no rows to train on or to validate with. Run `dvc repro safety-label`.")
    # Neighbours of one length waste little padding, and the file's own order counts for nothing.
    pairs.sort(key=lambda pair: (len(pair[1].input_ids), pair[0].id))
    ordered, encoded = zip(*pairs, strict=True)
    columns: dict[str, list[Any]] = {
        "input_ids": [row.input_ids for row in encoded],
        "labels": [
            [
                token if trained else IGNORED
                for token, trained in zip(row.input_ids, row.assistant_mask, strict=True)
            ]
            for row in encoded
        ],
    }
    silent = [c.id for c, row in pairs if not any(row.assistant_mask)]
    if silent:
        raise ModelError(
            f"{len(silent)} rows have no reply to train on, first {silent[0]}; give them an "
            "assistant turn or drop them."
        )
    if experts is not None:
        columns[DOMAIN_COLUMN] = _domain_ids(ordered, experts)
    return Rows(
        Dataset.from_dict(columns),
        sum(row.dropped > 0 for row in encoded),
        sum(row.clipped for row in encoded),
    )


def _to_last_reply(conversation: Conversation) -> list[Message]:
    """Return the messages up to the last reply: what follows trains nothing, and would take its room."""
    turns = list(conversation.messages)
    while turns and turns[-1].role != "assistant":
        turns.pop()
    return turns or conversation.messages


def _domain_ids(conversations: Sequence[Conversation], experts: Sequence[str]) -> list[int]:
    place = {name: index for index, name in enumerate(experts)}
    other = place.get(_GENERAL, UNSUPERVISED)
    ids = [place.get(c.domain, other) if c.domain else UNSUPERVISED for c in conversations]
    if all(expert == UNSUPERVISED for expert in ids):
        raise ModelError(
            f"no row has a domain among the experts {', '.join(experts)}, so the router would "
            "learn nothing; mend params.train.moe_lora.experts."
        )
    return ids
