"""The worst mistakes are named by id and by kind, never by their text."""

import re

import msgspec
import pytest

from caretune import records
from caretune.safety import mistakes
from caretune.safety.examples import LabelledMessage
from caretune.safety.mistakes import Judged


def row(text, context=None, role="user"):
    """Build a labelled message."""
    return LabelledMessage(text, role, "crisis", {}, hard_negative=False, note="", context=context)


def judged(text, authored, said, score=0.5):
    """Build a judged message from two ranks."""
    return Judged(row(text), f"rank {authored}", f"rank {said}", authored, said, score)


def test_the_widest_gap_comes_first_then_the_surest():
    """Imminent judged none is worse than moderate judged none; of equals the least noticed."""
    found = mistakes.worst(
        "crisis",
        [judged("a", 2, 0), judged("b", 4, 0, 0.4), judged("c", 4, 0, 0.1), judged("d", 0, 3)],
    )
    told = [(item.error, item.authored, item.score) for item in found]
    assert told == [
        ("missed", "rank 4", 0.1),
        ("missed", "rank 4", 0.4),
        ("missed", "rank 2", 0.5),
        ("false_alarm", "rank 0", 0.5),
    ]


def test_what_is_right_is_no_mistake():
    """Equal ranks are left out."""
    assert mistakes.worst("crisis", [judged("a", 2, 2), judged("b", 0, 0)]) == []


def test_six_of_each_kind_are_enough():
    """The list is for reading, not an export."""
    many = [judged(str(number), 3, 0) for number in range(20)]
    assert len(mistakes.worst("crisis", many)) == 6


def test_mistakes_hold_no_text():
    """What is written has an id in place of the words."""
    (found,) = mistakes.worst("crisis", [judged("a secret of somebody", 3, 0)])
    assert b"secret" not in records.encode(found)
    assert re.fullmatch("[0-9a-f]{32}", found.id)
    assert "text" not in msgspec.structs.asdict(found)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(row("hello", context="before"), id="another context"),
        pytest.param(row("hello", role="assistant"), id="another role"),
        pytest.param(row("hello "), id="another text"),
    ],
)
def test_a_message_is_known_by_text_role_and_context(other):
    """Ids differ where messages do, and line ends make no difference."""
    assert mistakes.record_id(row("hello")) != mistakes.record_id(other)
    assert mistakes.record_id(row("a\r\nb")) == mistakes.record_id(row("a\nb"))
