"""The protocol table."""

from pathlib import Path

import msgspec
import pytest

from caretune.errors import FilterError
from caretune.safety import protocol
from caretune.safety.protocol import Signature

_PATH = Path(__file__).parents[3] / "caretune/safety/patterns/protocol.yaml"


@pytest.fixture
def table():
    """Return the shipped table."""
    return protocol.load(_PATH)


def test_the_shipped_table_is_unreviewed(table):
    """Nobody signed it, and nobody checked a line."""
    assert not table.reviewed
    assert {line.reviewer for line in table.lines} == {None}


def test_two_clinicians_make_it_reviewed(table):
    """One signature twice is one."""
    one, two = Signature("A", "psychiatrist", "2026-01-01"), Signature("B", "nurse", "2026-01-02")
    assert not msgspec.structs.replace(table, signatures=[one, one]).reviewed
    assert msgspec.structs.replace(table, signatures=[one, two]).reviewed


@pytest.mark.parametrize("severity", ["high", "imminent"])
def test_replies_name_lines_and_differ_by_subject(table, severity):
    """Own danger and another's get different replies, both with lines."""
    own, other = (table.reply(subject, severity, "en") for subject in ("self", "other"))
    assert own != other
    assert "988" in own
    assert "116 123" in other
    assert "{" not in own + other


def test_unscored_reply_is_in_the_writers_language(table):
    """German has its own; a language without one gets English."""
    assert "Notruf" in table.reply("none", "unscored", "de")
    assert "emergency" not in table.reply("none", "unscored", "de")
    assert table.reply("none", "unscored", "und").startswith("I can't read")


def test_every_severity_has_actions(table):
    """Whoever is in danger, there is something to do."""
    for subject in ("self", "other"):
        for severity in ("low", "moderate", "high", "imminent"):
            assert table.recommended(subject, severity), (subject, severity)
    assert table.recommended("none", "none") == []


def test_allow_list_comes_from_the_lines(table):
    """Numbers by their digits, pages by their host."""
    assert {"988", "116123", "131114"} <= table.allowed_numbers()
    assert "988lifeline.org" in table.allowed_hosts()


def test_an_unknown_default_line_is_named(tmp_path):
    """A default that stands in no entry is an error."""
    text = _PATH.read_text().replace("[us_988, uk_samaritans", "[us_989, uk_samaritans")
    (tmp_path / "protocol.yaml").write_text(text)
    with pytest.raises(FilterError, match="default line us_989 stands in no entry"):
        protocol.load(tmp_path / "protocol.yaml")


def test_a_missing_table_is_named(tmp_path):
    """The message ends with what to do."""
    with pytest.raises(
        FilterError, match=r"gone.yaml: no such protocol table. Restore it from git."
    ):
        protocol.load(tmp_path / "gone.yaml")
