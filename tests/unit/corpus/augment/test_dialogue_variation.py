"""Another opening, length or close."""

import random
from collections.abc import Callable

import msgspec

from caretune.corpus.augment import dialogue_variation
from caretune.corpus.augment.draft import table
from caretune.records import Conversation, Message


def test_the_close_sums_up_what_the_labels_say(parent: Conversation) -> None:
    """A summary holds the category's topic and a line for a strategy of the dialogue."""
    summary = table("dialogue_variation")["summary"]
    close = dialogue_variation.draft(parent, random.Random(2)).conversation.messages[-1]
    assert close.strategy == "summary"
    assert any(topic in close.content for topic in summary["topic"]["anxiety"])
    lines = [line for name in ("goal_setting", "affirmation") for line in summary["done"][name]]
    assert any(line in close.content for line in lines)


def test_a_shortened_dialogue_drops_from_its_end(parent: Conversation) -> None:
    """Three exchanges and the close are left where one is dropped, and the edits say so."""
    made = [dialogue_variation.draft(parent, random.Random(seed)) for seed in range(40)]
    short = [draft for draft in made if "closing after dropping 1" in draft.edits]
    assert short
    assert {len(draft.conversation.messages) for draft in short} == {8}


def test_no_exchange_with_risk_is_dropped(parent: Conversation) -> None:
    """A last exchange with crisis wording keeps the dialogue at its whole length."""
    last = Message("user", "And sometimes I want to disappear.")
    row = msgspec.structs.replace(parent, messages=[*parent.messages[:6], last, parent.messages[7]])
    for seed in range(40):
        turns = dialogue_variation.draft(row, random.Random(seed)).conversation.messages
        assert last in turns


def test_a_quote_is_the_clients_own(parent: Conversation) -> None:
    """Whatever the summary quotes stands in a user turn."""
    said = " ".join(m.content for m in parent.messages if m.role == "user")
    quoted = 0
    for seed in range(40):
        close = dialogue_variation.draft(parent, random.Random(seed)).conversation.messages[-1]
        _, mark, rest = close.content.partition('"')
        quoted += bool(mark)
        assert not mark or rest.partition('"')[0] in said
    assert quoted


def test_high_risk_ends_on_staying_safe(at_severity: Callable[[str], Conversation]) -> None:
    """At high risk the whole dialogue stays, and the close plans for safety."""
    row = at_severity("imminent")
    made = dialogue_variation.draft(row, random.Random(1))
    assert made.edits == ["crisis closing"]
    assert made.conversation.messages[:-2] == row.messages


def test_every_crisis_close_names_people_or_a_line() -> None:
    """No close of a crisis leaves the client without somebody to call."""
    answers = [answer for _, answer in table("dialogue_variation")["crisis_closing"]]
    assert len(answers) == 10
    assert all("crisis line" in answer or "emergency" in answer for answer in answers)
