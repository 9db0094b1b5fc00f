"""What a strategy hands back, and the shape of a dialogue that strategies can work on."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from ruamel.yaml import YAML

from caretune.records import Conversation, Message, crisis_severity
from caretune.safety.taxonomy import Severity, severity_rank


class Draft(NamedTuple):
    """A child before it has a name: the parent with other content, and what was done to it."""

    conversation: Conversation
    edits: list[str]


class Exchange(NamedTuple):
    """One user turn and the assistant's answer to it."""

    user: Message
    assistant: Message

    def led(self, user: str, assistant: str) -> "Exchange":
        """Return it with other words of the user, and more said before the assistant's own."""
        return Exchange(
            replace(self.user, content=user),
            replace(self.assistant, content=f"{assistant} {self.assistant.content}"),
        )


def cut(conversation: Conversation) -> list[Exchange]:
    """Cut a conversation into exchanges; [] where turns do not strictly alternate from the user."""
    turns = [message for message in conversation.messages if message.role != "system"]
    roles = [turn.role for turn in turns]
    if roles != ["user", "assistant"] * (len(turns) // 2):
        return []
    return [Exchange(*pair) for pair in zip(turns[::2], turns[1::2], strict=True)]


def retold(
    parent: Conversation, exchanges: Iterable[Exchange], edits: list[str], **fields: Any
) -> Draft:
    """Return the draft of a child: the parent's system turns, these exchanges and these fields."""
    lead = (message for message in parent.messages if message.role == "system")
    turns = [*lead, *(message for pair in exchanges for message in pair)]
    return Draft(replace(parent, messages=turns, **fields), edits)


def severity(parent: Conversation) -> int:
    """Return the rank of a parent's severity; without a label it counts as none."""
    return severity_rank(crisis_severity(parent) or Severity.NONE)


def calm(parent: Conversation) -> bool:
    """Tell whether a parent is below moderate risk."""
    return severity(parent) < severity_rank(Severity.MODERATE)


def acute(parent: Conversation) -> bool:
    """Tell whether a parent is at high risk or above: no small talk, nothing left out."""
    return severity(parent) >= severity_rank(Severity.HIGH)


def exchange(user: str, assistant: str, strategy: str) -> Exchange:
    """Build one exchange whose answer follows a named counselling strategy."""
    return Exchange(Message("user", user), Message("assistant", assistant, strategy))


@cache
def table(name: str) -> Any:
    """Read a strategy's data table, the YAML file beside this module."""
    return YAML(typ="safe", pure=True).load(Path(__file__).with_name(f"{name}.yaml"))
