"""Other words, and which words are never touched."""

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caretune.corpus import conservation, crisis_wording
from caretune.corpus.augment import paraphrase
from caretune.records import Conversation, Crisis, Gold, Message
from caretune.safety.taxonomy import SEVERITIES


def rewrite(parent: Conversation, role: str, text: str) -> set[str]:
    """Return every rewriting of one sentence over 30 seeds."""
    turns = [Message("user", "Hi."), Message("assistant", "Hi.")]
    place = 0 if role == "user" else 1
    turns[place] = Message(role, text)
    row = msgspec.structs.replace(parent, messages=turns)
    made = [paraphrase.draft(row, random.Random(seed)) for seed in range(30)]
    return {draft.conversation.messages[place].content for draft in made if draft is not None}


@pytest.mark.parametrize(
    ("role", "text", "expected"),
    [
        pytest.param("user", "Maybe later.", {"Perhaps later."}, id="case at the start"),
        pytest.param("user", "so maybe later.", {"so perhaps later."}, id="case inside"),
        pytest.param("user", "i'm sure", {"i am sure"}, id="a small i stays small"),
        pytest.param("user", "And I'm sure.", {"And I am sure."}, id="a large I stays large"),
        pytest.param("user", "Isn't it so?", set(), id="a question keeps its order"),
        pytest.param("user", "why don't you go", set(), id="an inverted verb stays"),
        pytest.param("user", "MAYBE", set(), id="shouting stays"),
        pytest.param("user", "a map of Mayberry", set(), id="whole words only"),
        pytest.param(
            "assistant",
            "When the door is open, the noise comes in.",
            {"The noise comes in when the door is open."},
            id="clause order",
        ),
        pytest.param("assistant", "If she calls, then go.", set(), id="too short to turn"),
    ],
)
def test_rules(parent: Conversation, role: str, text: str, expected: set[str]) -> None:
    """Each rule gives the paraphrase that it promises and no other."""
    assert rewrite(parent, role, text) == expected


def test_risk_sentences_are_not_touched(at_severity: Callable[[str], Conversation]) -> None:
    """The sentence that carries the risk is the same in every child, others are not."""
    row = at_severity("moderate")
    openings = {
        paraphrase.draft(row, random.Random(seed)).conversation.messages[0].content
        for seed in range(10)
    }
    assert all(text.endswith(" Last night I thought of killing myself.") for text in openings)
    assert any("Perhaps" in text for text in openings)


def test_at_high_risk_no_user_turn_is_touched(at_severity: Callable[[str], Conversation]) -> None:
    """A client at high risk is quoted to the letter; only the assistant's words change."""
    row = at_severity("high")
    child = paraphrase.draft(row, random.Random(1)).conversation
    assert child.messages[::2] == row.messages[::2]
    assert child.messages[1::2] != row.messages[1::2]


def test_too_few_edits_make_no_child(parent: Conversation) -> None:
    """A dialogue in which next to nothing can be rewritten is not suited."""
    text = "The cat sat on the mat near the tall lamp. " * 6
    row = msgspec.structs.replace(parent, messages=[Message("user", f"Maybe so. {text}")])
    assert paraphrase.draft(row, random.Random(1)) is None


def test_the_edits_name_the_rules(parent: Conversation) -> None:
    """Operation.edits lists each rule used once, sorted."""
    edits = paraphrase.draft(parent, random.Random(1)).edits
    assert edits == sorted(set(edits))
    assert {"i might", "maybe", "might"} & set(edits)


PIECES = st.sampled_from(
    [
        "Maybe I don't know.",
        "I think about killing myself all the time, maybe.",
        "If you'd like, we can talk.",
        "If I could end it, then I would do it at once.",
        "When the voices come, everybody seems to watch me!",
        "I'm sure they'd be better off.",
        "I might drink a lot tonight…",
        "i dont want to live anymore\n",
        "IT HURTS.",
        "I guess so?",
        "Do you think about suicide?",
        " ",
        "no mark at all",
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, min_size=1, max_size=6).map(" ".join),
    st.lists(st.one_of(PIECES, st.text(max_size=20)), min_size=1, max_size=4).map("".join),
)


@given(
    texts=st.lists(TEXTS, min_size=2, max_size=6),
    severity=st.sampled_from([None, *SEVERITIES]),
    seed=st.integers(0, 1 << 32),
)
@settings(max_examples=300, deadline=None, database=None, derandomize=True)
def test_crisis_wording_is_kept_whatever_the_words(
    texts: list[str], severity: str | None, seed: int
) -> None:
    """A sentence that carries risk is byte-identical, in its turn and in its order, in both roles."""
    turns = [Message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]
    gold = Gold(Crisis([], severity)) if severity else None
    row = Conversation(id="0" * 32, source="s", license="l", messages=turns, gold=gold)
    made = paraphrase.draft(row, random.Random(seed))
    if made is None:
        return
    risk = crisis_wording.pattern(row)
    assert [turn.role for turn in made.conversation.messages] == [turn.role for turn in turns]
    for before, after in zip(turns, made.conversation.messages, strict=True):
        grave = [text for text in crisis_wording.sentences(before.content) if risk.search(text)]
        kept = [text for text in crisis_wording.sentences(after.content) if text in grave]
        assert kept == grave
    assert conservation.losses(row, made.conversation, retold=True) == ""


def test_the_property_can_fail(at_severity: Callable[[str], Conversation]) -> None:
    """The same judgement sees a paraphrase that touched a sentence that carries risk."""
    row = at_severity("moderate")
    made = paraphrase.draft(row, random.Random(1)).conversation
    text = made.messages[0].content.replace("thought of killing", "thought about killing")
    turns = [msgspec.structs.replace(made.messages[0], content=text), *made.messages[1:]]
    touched = msgspec.structs.replace(made, messages=turns)
    assert "changed 1 sentences" in conservation.losses(row, touched, retold=True)
