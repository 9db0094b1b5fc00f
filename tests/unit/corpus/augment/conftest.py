"""Parents for augmentation: authored train rows, and one calm dialogue told in capitals."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from caretune.corpus.augment.pipeline import STRATEGIES as NAMES
from caretune.corpus.augment.pipeline import Recipe
from caretune.corpus.conservation import Scanned
from caretune.lineage import identity
from caretune.records import Client, Conversation, Crisis, Gold, Message

RAW = Path(__file__).parents[4] / "data" / "raw"
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


def _row(line: str) -> Conversation:
    """Make a train row of an authored dialogue, or of a concept note, which has no label."""
    told = json.loads(line)
    turns = told.get("messages") or [
        {"role": "user", "content": told["question"]},
        {"role": "assistant", "content": told["answer"]},
    ]
    messages = msgspec.convert(turns, list[Message])
    name = identity.content_id("authored", messages)
    return Conversation(
        id=name,
        source="authored",
        license="CC-BY-4.0",
        messages=messages,
        family=name,
        split="train",
        domain=told.get("domain", "psychology_knowledge"),
        category=told.get("category"),
        difficulty=told.get("difficulty"),
        client=msgspec.convert(told["client"], Client) if "client" in told else None,
        gold=Gold(msgspec.convert(told["crisis"], Crisis)) if "crisis" in told else None,
    )


@pytest.fixture(scope="session")
def train_rows() -> list[Conversation]:
    """Forty authored train rows: 31 dialogues and 9 concept notes."""
    lines = [
        line
        for name, step in (("dialogues", 22), ("concepts", 29))
        for line in (RAW / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[::step]
    ]
    return list(map(_row, lines))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Every strategy on every parent, all mixes even, no twins, nothing too near."""
    return Recipe(
        seed=29,
        probabilities=dict.fromkeys(NAMES, 1.0),
        max_children=len(NAMES),
        context_mix=dict.fromkeys(("therapeutic", "emotional", "goals"), 1.0),
        crisis_mix=dict.fromkeys(("routine", "moderate", "hard", "crisis"), 1.0),
        counterfactual_rate=0.0,
        max_parent_similarity=1.0,
    )


@pytest.fixture(scope="session")
def silent() -> Callable[[Sequence[Message]], Scanned]:
    """Filters that find no severity anywhere."""
    return lambda _: Scanned("none")
