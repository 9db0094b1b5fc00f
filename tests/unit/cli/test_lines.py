"""The lines of `caretune scan`, and their door."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.cli.lines import Door
from caretune.records import Message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        pytest.param(rb"a \ud83d b", "a \ufffd b", id="a high one"),
        pytest.param(rb"a \uDC00", "a \ufffd", id="a low one at the end"),
        pytest.param(rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600", id="before a pair"),
        pytest.param(rb"\\ud83d \ud83d", "\\ud83d \ufffd", id="after an escaped backslash"),
        pytest.param(b"a \xed\xa0\xbd b", "a \ufffd b", id="as bytes"),
    ],
)
def test_a_lone_surrogate_is_replaced(written, read):
    """The rest of the text stays as it was, and the line is counted once."""
    door = Door()
    assert door.read(b'{"text": "' + written + b'"}').text == read
    assert door.mended == 1


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_that_json_can_write_comes_through(text):
    """Pairs become their character, lone surrogates U+FFFD, and all else stays."""
    read = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    door = Door()
    assert door.read(json.dumps({"text": text}).encode()).text == read
    assert door.mended == (read.count("\ufffd") > text.count("\ufffd"))


def test__a_line_that_is_bad_all_the_same_is_not_counted_as_mended():
    """A lone surrogate excuses nothing else."""
    door = Door()
    for line in (rb'{"text": "\ud83d"', rb'{"role": "\ud83d", "text": ""}', b'{"text": "\xff"}'):
        with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
            door.read(line)
    assert door.mended == 0


def test_turns_are_messages_and_a_bare_text_is_the_users():
    """A line is a message or a conversation, never both and never neither."""
    line = Door().read(b'{"turns": ["a", {"role": "assistant", "content": "b"}]}')
    assert line.conversation() == [Message("user", "a"), Message("assistant", "b")]
    assert Door().read(b'{"text": ""}').conversation() is None
    for both in (b"{}", b'{"text": "a", "turns": ["a"]}'):
        with pytest.raises(msgspec.ValidationError, match='either "text" or "turns"'):
            Door().read(both)
