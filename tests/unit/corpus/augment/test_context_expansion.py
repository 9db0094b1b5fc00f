"""More context: an arrival, a next step, or aftercare at high risk."""

import random
from collections.abc import Callable

import msgspec
import pytest

from caretune.corpus.augment import context_expansion
from caretune.corpus.augment.draft import table
from caretune.records import Conversation, Message

MIX = {"therapeutic": 1.0, "emotional": 1.0, "goals": 1.0}


def test_the_parents_turns_stay_whole(parent: Conversation) -> None:
    """Exchanges are added before and after; the parent's stand between them unchanged."""
    for seed in range(20):
        made = context_expansion.draft(parent, random.Random(seed), MIX)
        turns = made.conversation.messages
        start = turns.index(parent.messages[0])
        assert turns[start : start + len(parent.messages)] == parent.messages
        assert len(turns) in {10, 12}


def kinds(parent: Conversation, mix: dict[str, float]) -> set[str]:
    """Return the kinds of context added over 40 seeds."""
    made = [context_expansion.draft(parent, random.Random(seed), mix) for seed in range(40)]
    return {edit.partition(":")[0] for draft in made if draft for edit in draft.edits}


def test_the_edits_name_kind_and_place(parent: Conversation) -> None:
    """An arrival may be of each kind, a next step is a goal."""
    edits = {
        edit
        for seed in range(40)
        for edit in context_expansion.draft(parent, random.Random(seed), MIX).edits
    }
    assert edits == {
        "therapeutic: arrival",
        "emotional: arrival",
        "goals: arrival",
        "goals: next step",
    }


@pytest.mark.parametrize("kind", sorted(MIX))
def test_a_kind_without_weight_never_comes_up(parent: Conversation, kind: str) -> None:
    """The mix decides: a weight of 0 leaves a kind out, and one weight alone leaves it alone."""
    assert kinds(parent, MIX | {kind: 0.0}) == set(MIX) - {kind}
    assert kinds(parent, dict.fromkeys(MIX, 0.0) | {kind: 1.0}) == {kind}


def test_a_heavier_kind_comes_up_more_often(parent: Conversation) -> None:
    """Eight times the weight: in most children."""
    mix = MIX | {"emotional": 8.0}
    made = [context_expansion.draft(parent, random.Random(seed), mix) for seed in range(100)]
    assert sum("emotional: arrival" in draft.edits for draft in made) > 75


def test_a_client_who_greets_does_not_arrive_twice(parent: Conversation) -> None:
    """A parent that opens with a greeting gets a next step only."""
    opening = Message("user", f"Good morning. {parent.messages[0].content}")
    row = msgspec.structs.replace(parent, messages=[opening, *parent.messages[1:]])
    made = [context_expansion.draft(row, random.Random(seed), MIX) for seed in range(20)]
    assert {tuple(draft.edits) for draft in made} == {("goals: next step",)}
    assert kinds(row, MIX | {"goals": 0.0}) == set()


def test_high_risk_gets_aftercare(at_severity: Callable[[str], Conversation]) -> None:
    """A client at high risk gets one exchange on what to do next, and people to turn to."""
    made = context_expansion.draft(at_severity("high"), random.Random(1), MIX)
    assert made.edits == ["aftercare"]
    assert made.conversation.messages[-1].strategy == "safety_planning"


def test_every_aftercare_names_people_or_a_line() -> None:
    """No answer of the aftercare table leaves a client without somebody to call."""
    answers = [answer for _, answer in table("context_expansion")["aftercare"]]
    assert len(answers) == 10
    assert all("crisis line" in answer or "emergency" in answer for answer in answers)


def test_turns_that_do_not_alternate_are_left_alone(parent: Conversation) -> None:
    """A dialogue that the assistant opens gets no child."""
    row = msgspec.structs.replace(parent, messages=parent.messages[1:])
    assert context_expansion.draft(row, random.Random(1), MIX) is None
