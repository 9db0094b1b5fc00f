"""Contents count rows by field, in any order, and can be taken back."""

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from caretune.corpus.contents import Contents
from caretune.records import Conversation, Crisis, Gold, Message

MESSAGES = [Message("system", "Be kind."), Message("user", "Why?"), Message("assistant", "Thus.")]
WORDS = st.none() | st.sampled_from(["a", "b"])
ROWS = st.builds(
    Conversation,
    id=st.uuids().map(str),
    source=st.sampled_from(["x", "y"]),
    license=st.sampled_from(["CC0-1.0", "MIT"]),
    messages=st.lists(st.sampled_from(MESSAGES), max_size=3),
    domain=WORDS,
    difficulty=WORDS,
    person=WORDS,
    gold=st.none() | st.just(Gold(Crisis(severity="high"))),
)


def of(rows: list[Conversation]) -> Contents:
    """Count some rows."""
    contents = Contents()
    for row in rows:
        contents.add(row)
    return contents


def test_each_field_is_counted():
    """Rows by source, domain, difficulty, severity and licence; messages by role; people."""
    bare = Conversation("1", "x", "MIT", MESSAGES)
    full = msgspec.structs.replace(
        bare, id="2", domain="d", difficulty="hard", person="p", gold=Gold(Crisis(severity="low"))
    )
    contents = of([bare, full, full])
    assert contents.total == 3
    assert contents.persons == {"p": 2}
    assert contents.figures() == {
        "rows": {
            "total": 3,
            "source": {"x": 3},
            "domain": {"d": 2, "unlabelled": 1},
            "difficulty": {"hard": 2, "unlabelled": 1},
            "severity": {"low": 2, "unlabelled": 1},
            "license": {"MIT": 3},
        },
        "messages": {"assistant": 3, "system": 3, "user": 3},
        "persons": 1,
    }


@given(st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=8))
def test_merged_in_any_order_it_is_the_same(some, others):
    """Two counts merged are the count of all rows, whatever their order."""
    rows = [*some, *others]
    random.Random(1).shuffle(rows)
    one, two = of(some), of(others)
    one.merge(two)
    assert one.figures() == of(rows).figures()


@given(st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=8))
def test_what_was_taken_back_leaves_no_trace(some, others):
    """Rows that were counted and taken back are in no figure, not even as a zero."""
    contents = of([*some, *others])
    for row in others:
        contents.add(row, times=-1)
    assert contents.figures() == of(some).figures()
    assert contents.total == len(some)
