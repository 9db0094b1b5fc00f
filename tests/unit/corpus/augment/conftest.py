"""Parents for augmentation: authored train rows, and one calm dialogue told in capitals."""

from collections.abc import Callable

import msgspec
import pytest

from caretune.records import Client, Conversation, Crisis, Gold, Message

TURNS = [
    ("user", "I keep losing my keys and it makes me feel stupid. Maybe it's a sign of something."),
    ("assistant", "Losing keys is maddening. If you'd like, we can look at when it happens."),
    ("user", "Mostly when I'm in a rush. I don't know what to do about it."),
    ("assistant", "You could put a hook by the door. What would make that easier?"),
    ("user", "I might try that. I guess a red hook, so that I see it."),
    ("assistant", "A red hook sounds like a plan. You don't have to get it right at once."),
    ("user", "I'll buy one on the way home. It's only a small thing."),
    ("assistant", "Small things count. Let me know how it goes with the hook."),
]
STRATEGIES = ("validation", "open_question", "goal_setting", "affirmation")


@pytest.fixture
def parent() -> Conversation:
    """A calm dialogue of four exchanges, with gold severity none."""
    answers = iter(STRATEGIES)
    return Conversation(
        id="0" * 32,
        source="dialogues",
        license="CC-BY-4.0",
        messages=[
            Message(role, text, next(answers) if role == "assistant" else None)
            for role, text in TURNS
        ],
        family="f" * 32,
        split="train",
        domain="mental_health_support",
        category="anxiety",
        difficulty="routine",
        client=Client("adult", "keen gardener"),
        gold=Gold(Crisis()),
    )


@pytest.fixture
def at_severity(parent: Conversation) -> Callable[[str], Conversation]:
    """Make the dialogue a parent of any gold severity, with a sentence that carries the risk."""

    def make(severity: str, crisis_type: str = "suicidal_ideation") -> Conversation:
        opening = Message("user", f"{TURNS[0][1]} Last night I thought of killing myself.")
        crisis = Crisis([crisis_type], severity, "ongoing", [])
        return msgspec.structs.replace(
            parent, messages=[opening, *parent.messages[1:]], gold=Gold(crisis)
        )

    return make


@pytest.fixture(scope="session")
def train_rows(corpus_rows: list[Conversation]) -> list[Conversation]:
    """The forty authored rows of ingest, all put in train."""
    return [msgspec.structs.replace(row, split="train", family=row.id) for row in corpus_rows]
