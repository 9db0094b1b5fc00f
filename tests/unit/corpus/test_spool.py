"""The spool gives lines in the order of their keys, and leaves nothing on disk."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.corpus.spool import Spool


def written(spool: Spool, folder, dropped=()) -> bytes:
    """Return what the spool writes."""
    spool.write(folder / "out", dropped)
    return (folder / "out").read_bytes()


def test_lines_come_in_the_order_of_their_keys(tmp_path):
    """Whatever order lines came in, they go out by key, each with a line end."""
    keys = [f"{number:03}" for number in range(200)]
    random.Random(2).shuffle(keys)
    with Spool(tmp_path) as spool:
        numbers = [spool.add(key, b"line " + key.encode()) for key in keys]
        assert numbers == list(range(200)) == list(range(len(spool)))
        assert spool.write(tmp_path / "out") == sorted(keys)
    lines = [b"line %03d\n" % number for number in range(200)]
    assert (tmp_path / "out").read_bytes() == b"".join(lines)


def test_dropped_lines_do_not_come(tmp_path):
    """What was dropped by number is not among the lines; it can still be looked at."""
    with Spool(tmp_path) as spool:
        for word in (b"c", b"a", b"b"):
            spool.add(word.decode(), word)
        assert written(spool, tmp_path, {1}) == b"b\nc\n"
        assert spool.line(1) == b"a"


def test_lines_can_be_read_between_writes(tmp_path):
    """A line is there at once, and lines can be gone through twice."""
    with Spool(tmp_path) as spool:
        spool.add("a", b"one")
        assert spool.line(0) == b"one"
        spool.add("b", b"two")
        assert written(spool, tmp_path) == written(spool, tmp_path) == b"one\ntwo\n"


@given(st.lists(st.tuples(st.text(max_size=3), st.binary(max_size=20)), max_size=30))
def test_equal_keys_keep_all_their_lines(tmp_path_factory, added):
    """Lines of one key all come, in the order in which they were added."""
    with Spool(tmp_path_factory.getbasetemp()) as spool:
        for key, line in added:
            spool.add(key, line)
        expected = [line + b"\n" for _, line in sorted(added, key=lambda one: one[0])]
        assert written(spool, tmp_path_factory.getbasetemp()) == b"".join(expected)


def test_nothing_lies_on_disk(tmp_path):
    """The file has no name, so that even a killed process leaves none; a missing folder is made."""
    folder = tmp_path / "new"
    with Spool(folder) as spool:
        spool.add("a", b"text")
        assert list(folder.iterdir()) == []
    assert list(folder.iterdir()) == []


def test_nothing_can_be_added_after_the_end(tmp_path):
    """Behind the `with` block the file is closed."""
    with Spool(tmp_path) as spool:
        pass
    with pytest.raises(ValueError, match="closed file"):
        spool.add("a", b"text")
