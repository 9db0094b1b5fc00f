"""What a strategy hands back, and the shape of a dialogue that strategies can work on."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from caretune.records import Conversation, Message


class Draft(NamedTuple):
    """A child before it has a name: the parent with other content, and what was done to it."""

    conversation: Conversation
    edits: list[str]


class Exchange(NamedTuple):
    """One user turn and the assistant's answer to it."""

    user: Message
    assistant: Message


class Dialogue(NamedTuple):
    """A conversation cut into its system turns and its exchanges."""

    lead: list[Message]
    exchanges: list[Exchange]


def dialogue(conversation: Conversation) -> Dialogue | None:
    """Cut a conversation into exchanges; None where turns do not strictly alternate from the user."""
    lead = [message for message in conversation.messages if message.role == "system"]
    turns = [message for message in conversation.messages if message.role != "system"]
    users, assistants = turns[::2], turns[1::2]
    alternate = {m.role for m in users} == {"user"} and {m.role for m in assistants} == {
        "assistant"
    }
    if not alternate or len(users) != len(assistants):
        return None
    return Dialogue(lead, [Exchange(*pair) for pair in zip(users, assistants, strict=True)])


def messages(lead: Sequence[Message], exchanges: Iterable[Exchange]) -> list[Message]:
    """Join system turns and exchanges into one list of messages."""
    return [*lead, *(message for exchange in exchanges for message in exchange)]


def exchange(user: str, assistant: str, strategy: str) -> Exchange:
    """Build one exchange whose answer follows a named counselling strategy."""
    return Exchange(Message("user", user), Message("assistant", assistant, strategy))


@cache
def table(name: str) -> Any:
    """Read a strategy's data table, the YAML file beside this module."""
    return YAML(typ="safe", pure=True).load(Path(__file__).with_name(f"{name}.yaml"))
