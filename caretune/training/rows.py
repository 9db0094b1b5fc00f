"""Conversations as training rows: ids, labels on the replies alone, the domain's expert, weights."""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from datasets import Dataset

from caretune.errors import ModelError
from caretune.model import chat
from caretune.moe_lora.losses import UNSUPERVISED
from caretune.records import Conversation, Message, crisis_severity
from caretune.safety.taxonomy import Severity

IGNORED = -100
"""Label of a token that trains nothing; torch's cross-entropy passes over it."""
DOMAIN_COLUMN = "domain_ids"
WEIGHT_COLUMN = "loss_weights"
LENGTHS_COLUMN = "seq_lengths"
"""Lengths of the conversations in a packed row; the name that TRL's collator reads."""
_GENERAL = "general"
"""Expert of the rows whose domain is none of the experts."""


class Rows(NamedTuple):
    """Rows ready for the trainer, and what the length limit cost."""

    dataset: Dataset
    cut: int
    """Conversations that lost their oldest messages."""
    clipped: int
    """Conversations whose last exchange alone was too long."""


def prepare(
    tokenizer: Any,
    conversations: Iterable[Conversation],
    max_length: int,
    experts: Sequence[str] | None,
    *,
    packing: bool = False,
    crisis_weight: float = 1.0,
) -> Rows:
    """Encode conversations, sorted by length and id, with labels on the assistant's turns.

    Args:
        tokenizer: The base's tokenizer.
        conversations: Labelled rows.
        max_length: Longest row in tokens; a longer one loses its oldest turns.
        experts: Names of the experts; the one that bears a row's domain is that row's expert, a
            row of another domain is of the expert `general`, or of none where there is no such
            expert; so is a row without domain. None for an adapter without experts.
        packing: Join conversations into rows of up to `max_length` tokens, none of them cut;
            `collator.Collator` keeps them from seeing each other.
        crisis_weight: Loss weight of a conversation of high or imminent severity, others having 1.

    Returns:
        Rows with the columns `input_ids`, `labels`; `domain_ids` with experts; `loss_weights`
        where one is not 1; both one value a row, or one a token when packed, and then
        `seq_lengths` too.

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
        "labels": [_labels(row) for row in encoded],
    }
    _check_replies(ordered, columns["labels"])
    if experts is not None:
        columns[DOMAIN_COLUMN] = _domain_ids(ordered, experts)
    weights = _loss_weights(ordered, crisis_weight)
    if any(weight != 1 for weight in weights):
        columns[WEIGHT_COLUMN] = weights
    return Rows(
        Dataset.from_dict(_packed(columns, max_length) if packing else columns),
        sum(row.dropped > 0 for row in encoded),
        sum(row.clipped for row in encoded),
    )


def lengths(tokenizer: Any, conversations: Iterable[Conversation], max_length: int) -> list[int]:
    """Return how many tokens each conversation has as a row, in the order given."""
    return [
        len(chat.encode(tokenizer, _to_last_reply(c), max_length).input_ids) for c in conversations
    ]


def domain_balance(conversations: Iterable[Conversation], experts: Sequence[str]) -> list[float]:
    """Return the weight of each expert's domain in the router's loss: the rarer, the larger.

    Rows over those of the domain, so that each domain that there is counts the same in sum and the
    mean over rows is 1; an expert without rows has 0: nothing teaches it.
    """
    counts = Counter(place for place in _domain_ids(list(conversations), experts) if place >= 0)
    total = sum(counts.values())
    return [
        total / (len(counts) * counts[place]) if place in counts else 0.0
        for place in range(len(experts))
    ]


def _labels(row: chat.Encoded) -> list[int]:
    """Return the ids of the trained tokens; a first token has nothing before it to be told from."""
    trained = [0, *row.assistant_mask[1:]]
    return [token if said else IGNORED for token, said in zip(row.input_ids, trained, strict=True)]


def _check_replies(conversations: Sequence[Conversation], labels: Sequence[list[int]]) -> None:
    silent = [
        c.id
        for c, row in zip(conversations, labels, strict=True)
        if all(label == IGNORED for label in row)
    ]
    if silent:
        raise ModelError(
            f"{len(silent)} rows have no reply to train on, first {silent[0]}; give them an "
            "assistant turn or drop them."
        )


def _loss_weights(conversations: Sequence[Conversation], crisis_weight: float) -> list[float]:
    grave = (Severity.HIGH, Severity.IMMINENT)
    return [crisis_weight if crisis_severity(c) in grave else 1.0 for c in conversations]


def _packed(columns: Mapping[str, list[Any]], max_length: int) -> dict[str, list[Any]]:
    """Return the columns with rows joined, each value of a row spread over its tokens."""
    lengths = [len(row) for row in columns["input_ids"]]
    bins = _bins(lengths, max_length)
    packed: dict[str, list[Any]] = {}
    for name, column in columns.items():
        by_token = [
            value if isinstance(value, list) else [value] * length
            for value, length in zip(column, lengths, strict=True)
        ]
        packed[name] = [[token for place in row for token in by_token[place]] for row in bins]
    packed[LENGTHS_COLUMN] = [[lengths[place] for place in row] for row in bins]
    return packed


def _bins(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Return which rows share a bin: best fit, longest first, equal ones in their order.

    TRL's `pack_dataset` fits alike, but within each thousand rows alone, and ours are sorted by
    length: a thousand long neighbours would share nothing.
    """
    bins: list[list[int]] = []
    spaces: list[tuple[int, int]] = []  # room left and bin, the tightest first
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        tightest = bisect_left(spaces, (lengths[place], 0))
        if tightest < len(spaces):
            space, chosen = spaces.pop(tightest)
        else:
            space, chosen = room, len(bins)
            bins.append([])
        bins[chosen].append(place)
        insort(spaces, (space - lengths[place], chosen))
    return bins


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
