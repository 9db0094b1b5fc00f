"""More context: an arrival, a next step, or aftercare at high risk."""

import random
from collections.abc import Callable

import msgspec

from caretune.corpus.augment import context_expansion
from caretune.corpus.augment.draft import table
from caretune.records import Conversation, Message


def test_the_parents_turns_stay_whole(parent: Conversation) -> None:
    """Exchanges are added before and after; the parent's stand between them unchanged."""
    for seed in range(20):
        made = context_expansion.draft(parent, random.Random(seed))
        turns = made.conversation.messages
        start = turns.index(parent.messages[0])
        assert turns[start : start + len(parent.messages)] == parent.messages
        assert len(turns) in {10, 12}


def test_an_arrival_names_its_parts(parent: Conversation) -> None:
    """The edits say which of history, feeling and goal the arrival is made of."""
    edits = {
        edit
        for seed in range(40)
        for edit in context_expansion.draft(parent, random.Random(seed)).edits
    }
    assert edits == {"arrival: history", "arrival: feeling", "arrival: goal", "next step"}


def test_a_client_who_greets_does_not_arrive_twice(parent: Conversation) -> None:
    """A parent that opens with a greeting gets a next step only."""
    opening = Message("user", f"Good morning. {parent.messages[0].content}")
    row = msgspec.structs.replace(parent, messages=[opening, *parent.messages[1:]])
    made = [context_expansion.draft(row, random.Random(seed)) for seed in range(20)]
    assert {tuple(draft.edits) for draft in made} == {("next step",)}


def test_high_risk_gets_aftercare(at_severity: Callable[[str], Conversation]) -> None:
    """A client at high risk gets one exchange on what to do next, and people to turn to."""
    made = context_expansion.draft(at_severity("high"), random.Random(1))
    assert made.edits == ["aftercare"]
    assert made.conversation.messages[-1].strategy == "safety_planning"


def test_every_aftercare_names_people_or_a_line() -> None:
    """No answer of the aftercare table leaves a client without somebody to call."""
    answers = [answer for _, answer in table("context_expansion")["aftercare"]]
    assert len(answers) == 10
    assert all("crisis line" in answer or "emergency" in answer for answer in answers)
