"""What the models really say: replies to one held-out message beside the authored one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from caretune.evaluation.result import Item
from caretune.records import Conversation
from caretune.reports import style
from caretune.reports.style import Fragment

AUTHORED_SOURCES = frozenset({"concepts", "dialogues"})
"""Sources written for this project; text of any other source is never shown."""
_LONGEST_CHARS = 600


class Sample(NamedTuple):
    """One held-out conversation with the reply of each model, in the order asked for."""

    conversation: Conversation
    replies: Mapping[str, Item]


def choose(
    items: Iterable[Item],
    conversations: Iterable[Conversation],
    models: Sequence[str],
    wanted: int,
) -> list[Sample]:
    """Choose authored conversations to which every model replied, by turns from each domain.

    Within a domain the smallest ids come first: they are hashes, so nobody picked these.
    """
    replies: dict[str, dict[str, Item]] = {}
    for item in items:
        if item.model in models and item.reply is not None:
            replies.setdefault(item.id, {})[item.model] = item
    domains: dict[str, list[Sample]] = {}
    for row in sorted(conversations, key=lambda row: row.id):
        if row.source in AUTHORED_SOURCES and len(replies.get(row.id, {})) == len(models):
            ordered = {model: replies[row.id][model] for model in models}
            domains.setdefault(row.domain or "general", []).append(Sample(row, ordered))
    turns = [
        (turn, domain, sample) for domain in domains for turn, sample in enumerate(domains[domain])
    ]
    turns.sort(key=lambda entry: entry[:2])
    return [sample for _, _, sample in turns[:wanted]]


def draw(samples: Sequence[Sample]) -> Fragment:
    """Draw each sample: the last user message, the authored reply, then each model's."""
    if not samples:
        return Fragment(
            "<p>None: the test split holds no authored conversation with a reply of every model, "
            "and text of other sources is not shown.</p>"
        )
    return style.join(map(_sample, samples))


def _sample(sample: Sample) -> Fragment:
    messages = sample.conversation.messages
    # The same turn as the evaluation replaced: the last that answers a user.
    last = max(
        place
        for place in range(1, len(messages))
        if (messages[place - 1].role, messages[place].role) == ("user", "assistant")
    )
    severity = next(iter(sample.replies.values())).severity
    return style.draw(
        "sample",
        earlier=last - 1,
        about=f"{style.words(sample.conversation.domain or 'general')}, crisis severity {severity}",
        asked=_short(messages[last - 1].content),
        authored=_short(messages[last].content),
        replies=[
            (model, _short(item.reply or ""), item.decision)
            for model, item in sample.replies.items()
        ],
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CHARS else text[:_LONGEST_CHARS].rstrip() + " …"
