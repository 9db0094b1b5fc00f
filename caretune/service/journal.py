"""What the filters decided since the start: counters, and a log that gets one event a decision."""

from pathlib import Path

import structlog

from caretune.errors import CaretuneError
from caretune.monitoring import log
from caretune.monitoring.events import Event
from caretune.monitoring.tally import Tally

_LOG = structlog.get_logger()


class Journal:
    """Counts events and appends them to a log; no answer fails because one cannot be written.

    What cannot be written is counted. That it cannot is said when it begins and when it ends, not
    for each event. The file is opened for every event (20 us): it may be rotated at any time. The
    answer waits for that, so a pipe, which may wait for its reader for ever, is never opened; keep
    the log on a disk of this machine, since a mount that hangs holds up the answers too.

    Args:
        path: The log (JSONL, `caretune monitor` reads it); None where none is kept.
    """

    def __init__(self, path: Path | None) -> None:
        self.written = 0
        self.lost = 0
        self._path = path
        self._tally = Tally()
        self._unwritable = False

    def begin(self) -> None:
        """Open the log once, so that a wrong setting is said at the start."""
        self._write(None)

    def add(self, event: Event) -> None:
        """Count an event and append it."""
        self._tally.add(event)
        self._write(event)

    def prometheus(self) -> str:
        """Return the counters as Prometheus text."""
        from caretune.monitoring import prometheus  # BentoML must come before what it imports

        lines = {"written": self.written, "lost": self.lost}
        return prometheus.text(self._tally, lines, firing={})

    def _write(self, event: Event | None) -> None:
        if self._path is None:
            return
        try:
            _refuse_special(self._path)
            with log.appending(self._path) as append:
                if event is not None:
                    append(event)
                    self.written += 1
        except (CaretuneError, OSError) as error:  # closing a file may fail as well
            self.lost += event is not None
            if not self._unwritable:
                _LOG.error("events_not_written", reason=str(error))
            self._unwritable = True
        else:
            if self._unwritable:
                _LOG.info("events_written_again", lost=self.lost)
            self._unwritable = False


def _refuse_special(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise CaretuneError(
            f"{path}: events cannot be written here (no regular file). Name a file, or a new one, "
            "in params.service.events."
        )
