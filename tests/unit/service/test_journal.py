"""caretune.service.journal: events are counted and kept, and a disk never stops an answer."""

import os
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from caretune.monitoring.log import Reader
from caretune.service.journal import Journal
from tests.unit.monitoring.made import event

_FULL = Path("/dev/full")
FULL = pytest.mark.skipif(not _FULL.exists(), reason="no such device here")


def _read(path):
    with path.open("rb") as file:
        return list(Reader().read(file))


def test_each_event_is_appended_to_what_was_there(tmp_path):
    """A restart goes on in the same log."""
    path = tmp_path / "events.jsonl"
    for minute in (1, 2):
        Journal(path).add(event(minute))
    assert _read(path) == [event(1), event(2)]


def test_without_a_log_events_are_counted_alone(tmp_path, monkeypatch):
    """The setting is off by default; no file appears, and /metrics has its counters."""
    monkeypatch.chdir(tmp_path)
    journal = Journal(None)
    journal.begin()
    journal.add(event())
    assert list(tmp_path.iterdir()) == []
    assert (journal.written, journal.lost) == (0, 0)
    assert 'caretune_severities_total{severity="none"} 1.0' in journal.prometheus()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        pytest.param("/dev/full", "no regular file", id="a device", marks=FULL),
        pytest.param("nowhere/events.jsonl", "No such file or directory", id="no folder"),
        pytest.param(".", "no regular file", id="a folder"),
    ],
)
def test_what_cannot_be_written_is_counted_and_said_once(tmp_path, path, why):
    """Three events, no error, one line in the service's log, and a counter of three."""
    journal = Journal(tmp_path / path)
    with capture_logs() as logged:
        journal.begin()
        for minute in range(3):
            journal.add(event(minute))
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("events_not_written", "error")
    ]
    assert f"events cannot be written here ({why})" in logged[0]["reason"]
    assert (journal.written, journal.lost) == (0, 3)
    lost = {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(journal.prometheus())
        if family.name == "caretune_lines"
        for sample in family.samples
    }
    assert lost == {"written": 0, "lost": 3}


def test_a_wrong_setting_is_said_at_the_start(tmp_path):
    """Nobody has to write first."""
    with capture_logs() as logged:
        Journal(tmp_path / "nowhere" / "events.jsonl").begin()
    assert [line["event"] for line in logged] == ["events_not_written"]


def test_events_are_written_again_as_soon_as_it_is_possible(tmp_path):
    """The end of an outage is said with its losses, and the next outage is said again."""
    folder = tmp_path / "later"
    path = folder / "events.jsonl"
    journal = Journal(path)
    with capture_logs() as logged:
        journal.add(event(1))
        folder.mkdir()
        journal.add(event(2))
        path.rename(folder / "events.1.jsonl")
        journal.add(event(3))
        path.unlink()
        path.mkdir()
        journal.add(event(4))
    assert [line["event"] for line in logged] == [
        "events_not_written",
        "events_written_again",
        "events_not_written",
    ]
    assert logged[1]["lost"] == 1
    assert (journal.written, journal.lost) == (2, 2)
    assert _read(folder / "events.1.jsonl") == [event(2)]


def test_a_pipe_without_a_reader_holds_up_no_answer(tmp_path):
    """It is refused at the start with what to do, its events are lost, and nothing waits for it."""
    path = tmp_path / "events.pipe"
    os.mkfifo(path)
    journal = Journal(path)

    def write():
        journal.begin()
        journal.add(event())

    with capture_logs() as logged:
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        thread.join(5)
    assert not thread.is_alive()
    (refused,) = logged
    assert refused["reason"] == (
        f"{path}: events cannot be written here (no regular file). Name a file, or a new one, in "
        "params.service.events."
    )
    assert (journal.written, journal.lost) == (0, 1)


@FULL
def test_a_disk_that_fills_up_is_said(tmp_path, monkeypatch):
    """A regular file that takes no more: the event is lost, the answer goes on."""
    sound = Path.open
    monkeypatch.setattr(Path, "open", lambda _, *args, **named: sound(_FULL, *args, **named))
    journal = Journal(tmp_path / "events.jsonl")
    with capture_logs() as logged:
        journal.add(event())
    assert "(No space left on device)" in logged[0]["reason"]
    assert (journal.written, journal.lost) == (0, 1)
