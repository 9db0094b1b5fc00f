"""A bar where somebody watches, nothing where nobody does."""

import io
from types import SimpleNamespace

import pytest

from caretune.cli import progress


class Terminal(io.StringIO):
    """A terminal that remembers what was written."""

    def isatty(self) -> bool:
        """Say that somebody watches."""
        return True


def watched(monkeypatch) -> Terminal:
    """Put a wide terminal in the place of stderr; in the test, since pytest puts its own there."""
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return shown


def test_nothing_is_shown_where_nobody_watches(capsys):
    """In a log a bar would be noise: not a byte is written."""
    with progress.rows("reading sources", 3) as seen:
        seen(1)
        seen(2)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_what_is_done_and_of_how_many(monkeypatch):
    """Label, rows done, rows in all; the bar goes away at the end."""
    terminal = watched(monkeypatch)
    with progress.rows("reading sources", 1000) as seen:
        seen(400)
        seen(600)
    assert "reading sources" in terminal.getvalue()
    assert "1000/1000" in terminal.getvalue()


def test_an_unknown_total_is_said_so(monkeypatch):
    """Where nobody knows how many rows there are, the rows done are shown alone."""
    terminal = watched(monkeypatch)
    with progress.rows("reading sources") as seen:
        seen(400)
    assert "400/?" in terminal.getvalue()


@pytest.mark.parametrize(
    ("speed", "shown"), [(None, ""), (12345.6, "12,346 rows/s")], ids=["not yet", "known"]
)
def test_the_rate_is_in_rows_a_second(speed, shown):
    """Whole rows a second, and nothing before there is a rate."""
    assert progress._Rate().render(SimpleNamespace(speed=speed)).plain == shown


def test_an_error_comes_through_the_bar(monkeypatch):
    """A fault while rows are read is that fault, and the bar is gone."""
    terminal = watched(monkeypatch)
    with pytest.raises(ValueError, match="broken"), progress.rows("reading sources", 3):
        raise ValueError("broken")
    assert terminal.getvalue().endswith("\x1b[2K")
