"""Event logs: whole lines in, whatever stands there out."""

import io
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune.errors import CaretuneError
from caretune.monitoring import log
from caretune.monitoring.log import Lines, Reader
from caretune.records import encode
from tests.unit.monitoring.made import event

LINE = encode(event()) + b"\n"


def read(*lines):
    """Read a log of these bytes."""
    reader = Reader()
    return list(reader.read(io.BytesIO(b"".join(lines)))), reader.lines


def test_what_was_appended_is_read(tmp_path):
    """An event comes back as it was, one line each, after what the file held."""
    path = tmp_path / "events.jsonl"
    for minute in (1, 2):
        with log.appending(path) as append:
            append(event(minute))
    with path.open("rb") as file:
        assert list(Reader().read(file)) == [event(1), event(2)]


def test_an_event_never_joins_a_torn_line(tmp_path):
    """A writer that was stopped inside a line costs that line alone."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINE[:40])
    with log.appending(path) as append:
        append(event())
    assert path.read_bytes() == LINE[:40] + b"\n" + LINE


def test_each_event_is_on_disk_at_once(tmp_path):
    """Nothing waits in a buffer for the end of a run."""
    path = tmp_path / "events.jsonl"
    with log.appending(path) as append:
        append(event())
        assert path.read_bytes() == LINE


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    """The folder is named before anything is judged."""
    path = tmp_path / "none" / "events.jsonl"
    with pytest.raises(CaretuneError, match=r"events.jsonl: events cannot be written here \(No"):
        log.appending(path).__enter__()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_full_disk_is_one_sentence():
    """Also where the log could be opened."""
    with (
        pytest.raises(CaretuneError, match=r"/dev/full: events cannot be written here \(No space"),
        log.appending(Path("/dev/full")) as append,
    ):
        append(event())


def test_an_event_that_fits_in_part_is_an_error_and_costs_itself_alone(tmp_path):
    """A file that may grow no more takes half a line without an error; the next line is whole."""
    path = tmp_path / "events.jsonl"
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(LINE) + 40, kept[1]))
    try:
        with log.appending(path) as append:
            append(event())
            with pytest.raises(CaretuneError, match="on a disk with room"):
                append(event())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    with log.appending(path) as append:
        append(event())
    assert path.read_bytes() == LINE + LINE[:40] + b"\n" + LINE


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        pytest.param(b'{"event": "fault", "kind": "OSError"}\n', Lines(other=1), id="other"),
        pytest.param(b'{"kind": "OSError"}\n', Lines(unreadable=1), id="no name"),
        pytest.param(b"[1]\n", Lines(unreadable=1), id="a list"),
        pytest.param(b"nonsense\n", Lines(unreadable=1), id="no JSON"),
        pytest.param(b"\xff\xfe\n", Lines(unreadable=1), id="no UTF-8"),
        pytest.param(LINE.replace(b'"none"', b'"mild"'), Lines(unreadable=1), id="a wrong word"),
        pytest.param(LINE.replace(b"2026", b"1926"), Lines(unreadable=1), id="before 1970"),
        pytest.param(LINE.replace(b"2026", b"9999"), Lines(unreadable=1), id="end of time"),
        pytest.param(b"\n  \n", Lines(), id="blank"),
        pytest.param(LINE[:40], Lines(torn=1), id="torn"),
        pytest.param(b'"' + b"x" * 200_000 + b'"\n', Lines(unreadable=1), id="a long line"),
        pytest.param(b'"' + b"x" * 200_000, Lines(torn=1), id="a long torn line"),
    ],
)
def test_a_line_that_is_no_event_is_counted(line, counted):
    """The event before it is read, and the line has a name."""
    found, lines = read(LINE, line)
    assert found == [event()]
    counted.events = 1
    assert lines == counted


def test_what_follows_a_long_line_is_read():
    """A line longer than any event is skipped to its end, whatever stands in its middle."""
    middle = b"x" * (65536 - len(LINE)) + LINE.strip()
    assert read(middle * 3 + b"\n", LINE)[1] == Lines(events=1, unreadable=1)


def test_an_event_with_a_new_field_still_counts():
    """A newer writer's events are read without what is new in them."""
    found, lines = read(LINE.replace(b"{", b'{"zeal": 3, ', 1))
    assert found == [event()]
    assert lines == Lines(events=1, unknown_fields=1)


def test_the_last_line_needs_no_end_and_the_first_may_have_a_mark():
    """A byte order mark and a missing line feed do no harm."""
    assert read(b"\xef\xbb\xbf" + LINE.strip())[1] == Lines(events=1)


PIECES = st.sampled_from([LINE, LINE[:40], b"\n", b"{}", b'{"event": "x"}', b'"', b"\xff"])


@given(st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=20))
def test_every_line_is_counted_once_whatever_stands_there(pieces):
    """Any bytes are read without an error, and no line is lost."""
    content = b"".join(pieces)
    events, lines = read(content)
    assert len(events) == lines.events
    written = sum(bool(line.strip()) for line in content.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
    assert lines.events + lines.other + lines.unreadable + lines.torn == written
    assert lines.torn <= 1
