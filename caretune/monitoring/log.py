"""Event logs: JSONL files to which events are appended, and from which they are read leniently.

A log may also hold other lines (a service writes its faults into the same stream). What cannot be
read is counted, never skipped in silence: a log that loses its events would look like a calm one.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import ENOSPC
from io import FileIO
from os import strerror
from pathlib import Path
from typing import BinaryIO

import msgspec

from caretune.errors import CaretuneError
from caretune.monitoring.events import NAME, Event
from caretune.records import encode

_MAX_LINE_BYTES = 65536
# Windows are counted from 1970 and end before datetime does; a clock outside is broken.
_YEARS = range(1970, 9999)


class _Newer(Event, frozen=True, forbid_unknown_fields=False, tag_field="event", tag=NAME):
    """An event that may have fields which this version does not know."""


class _Other(msgspec.Struct, frozen=True):
    """A line of the log that names what it tells."""

    event: str


class Lines(msgspec.Struct):
    """How many lines of each kind were read; blank ones are not counted."""

    events: int = 0
    other: int = 0
    """JSON objects that name another event."""
    unreadable: int = 0
    """Neither an event nor another named line: no JSON, a wrong word, a time without a zone."""
    torn: int = 0
    """Last lines without an end that cannot be read: a writer was stopped, or still writes."""
    unknown_fields: int = 0
    """Events, counted above too, with fields of another version; these fields are left out."""


class Reader:
    """Reads events from logs, and counts in `lines` what it met."""

    def __init__(self) -> None:
        self.lines = Lines()
        self._event = msgspec.json.Decoder(Event)
        self._newer = msgspec.json.Decoder(_Newer)
        self._other = msgspec.json.Decoder(_Other)

    def read(self, file: BinaryIO) -> Iterator[Event]:
        """Yield the events of one log, in the order of its lines and in bounded memory."""
        for number, raw in enumerate(_pieces(file)):
            line = raw.strip()
            if number == 0:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line:
                continue
            event = self._decode(line)
            if event is not None:
                self.lines.events += 1
                yield event
            elif self._is_other(line):
                self.lines.other += 1
            elif raw.endswith(b"\n"):
                self.lines.unreadable += 1
            else:
                self.lines.torn += 1

    def _decode(self, line: bytes) -> Event | None:
        try:
            event = self._event.decode(line)
        except msgspec.ValidationError:
            try:
                event = msgspec.convert(self._newer.decode(line), Event, from_attributes=True)
            except msgspec.ValidationError:
                return None
            self.lines.unknown_fields += 1
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return event if event.time.year in _YEARS else None

    def _is_other(self, line: bytes) -> bool:
        try:
            return self._other.decode(line).event != NAME
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False


@contextmanager
def appending(path: Path) -> Iterator[Callable[[Event], None]]:
    """Open a log and give what appends one event to it, each as one write of one whole line.

    Raises:
        CaretuneError: The file cannot be written, or no longer: also from what is given.
    """
    try:
        torn = _is_torn(path)
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from None
    with file:
        if torn:
            _put(path, file, b"\n")
        yield lambda event: _put(path, file, encode(event) + b"\n")


def _put(path: Path, file: FileIO, line: bytes) -> None:
    try:
        written = file.write(line)
    except OSError as error:
        raise _unwritable(path, error) from None
    if written != len(line):  # a disk that fills up takes a part of it and raises nothing
        raise _unwritable(path, OSError(ENOSPC, strerror(ENOSPC)))


def _unwritable(path: Path, error: OSError) -> CaretuneError:
    return CaretuneError(
        f"{path}: events cannot be written here ({error.strerror}). Name a file in a folder that "
        "exists, on a disk with room."
    )


def _is_torn(path: Path) -> bool:
    """Tell whether a file ends inside a line: the next event must not become part of it."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def _pieces(file: BinaryIO) -> Iterable[bytes]:
    """Yield the lines of a file; of one that is longer than any event, its beginning alone."""
    while line := file.readline(_MAX_LINE_BYTES):
        rest = line
        while len(rest) == _MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(_MAX_LINE_BYTES)
        yield line if rest is line or not rest.endswith(b"\n") else line[:-1] + b"\n"
