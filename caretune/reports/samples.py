"""What the models really say: replies to one held-out message beside the authored one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from caretune.evaluation.result import Item, ReplyCheck
from caretune.records import Conversation
from caretune.reports import style
from caretune.reports.style import Fragment

AUTHORED_SOURCES = frozenset({"concepts", "dialogues"})
"""Sources written for this project; text of any other source is never shown."""
_LONGEST_CHARS = 600
_PLAIN = {
    "allow": "sent as it is",
    "redact": "sent with personal data taken out",
    "replace": "replaced by a safe reply",
    "escalate": "replaced by the protocol reply",
    "block": "blocked, a safe reply takes its place",
}


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
    return Fragment("\n".join(_sample(sample) for sample in samples))


def _sample(sample: Sample) -> str:
    messages = sample.conversation.messages
    # The same turn as the evaluation replaced: the last that answers a user.
    last = max(
        place
        for place in range(1, len(messages))
        if (messages[place - 1].role, messages[place].role) == ("user", "assistant")
    )
    asked = messages[last - 1].content
    severity = next(iter(sample.replies.values())).severity
    about = f"{style.words(sample.conversation.domain or 'general')}, crisis severity {severity}"
    cells = [_reply("reference", messages[last].content, "The reply authored for this dialogue.")]
    cells += [
        _reply(model, item.reply or "", _said(item)) for model, item in sample.replies.items()
    ]
    return (
        f'<section class="sample"><div class="asked"><small>User, after {last - 1} earlier '
        f"messages · {style.markup(about)}</small><p>{style.markup(_short(asked))}</p></div>"
        f'<div class="replies">{"".join(cells)}</div></section>'
    )


def _reply(name: str, text: str, note: str) -> str:
    return (
        f'<div class="reply {name}"><b>{style.markup(style.words(name))}</b>'
        f"<p>{style.markup(_short(text)) or '(empty)'}</p>"
        f'<p class="decision">{style.markup(note)}</p></div>'
    )


def _said(item: Item) -> str:
    """Say in words what the filters decide on a generated reply."""
    check: ReplyCheck | None = item.decision
    if check is None:
        return "Filters: not judged."
    found = [f"{check.pii} spans of personal data"] if check.pii else []
    found += ["toxic"] if check.toxic else []
    found += [style.words(check.violation)] if check.violation else []
    told = f"Filters: {_PLAIN.get(check.action, check.action)}"
    told += f" ({', '.join(found)})." if found else "."
    return told + (" At this risk people get the protocol reply instead." if check.protocol else "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CHARS else text[:_LONGEST_CHARS].rstrip() + " …"
