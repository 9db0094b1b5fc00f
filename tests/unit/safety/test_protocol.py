"""The protocol table."""

import datetime as dt
import re
from pathlib import Path

import msgspec
import pytest

from caretune.errors import FilterError
from caretune.safety import protocol
from caretune.safety.decision import PiiSpan
from caretune.safety.normalise import normalise
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


_COUNTRIES = ("AU", "CA", "IE", "IN", "NZ", "UK", "US")
_METHODS = re.compile(
    r"\b(?:hang|rope|noose|jump|bridge|overdos\w*|pills?|tablets?|gun|knife|cut|drown|because of)\b"
)


@pytest.mark.parametrize("country", _COUNTRIES)
def test_every_country_has_its_own_lines(table, country):
    """A crisis line, an emergency number and a line for minors; every reply names those alone."""
    own = [table.offered(kind, country) for kind in ("crisis", "emergency", "minor")]
    assert all(own), country
    assert {line.locale for lines in own for line in lines} == {country}
    said = table.reply("self", "imminent", "en", country)
    assert all(line.say in said for lines in own for line in lines)
    assert not any(line.say in said for line in table.lines if line.locale == "world")


@pytest.mark.parametrize("locale", [None, "SG", "de-AT", ""])
def test_another_country_gets_the_defaults(table, locale):
    """Where no line of the country stands here, a directory is named."""
    assert "findahelpline.com" in table.reply("self", "high", "en", locale)


@pytest.mark.parametrize("locale", ["UK", "gb", "en-GB", "en_gb"])
def test_a_language_tag_names_a_country(table, locale):
    """Great Britain is the United Kingdom, however it is written."""
    assert [line.id for line in table.offered("minor", locale)] == ["uk_childline"]


def test_an_expired_line_is_not_offered(table):
    """From its day on it is gone, and the others of the country stay; the day before it stands."""
    day = dt.date(2026, 6, 1)
    lines = [
        msgspec.structs.replace(line, expiry=day) if line.id == "us_988" else line
        for line in table.lines
    ]
    aged = msgspec.structs.replace(table, lines=lines)
    assert "988" in aged.reply("self", "high", "en", "US", day - dt.timedelta(days=1))
    said = aged.reply("self", "high", "en", "US", day)
    assert "988" not in said
    assert "741741" in said
    assert aged.expired(day) == ["us_988"]
    assert "988" in aged.allowed_numbers(), "an old number is still never hidden"


def test_a_table_of_expired_lines_still_answers(table):
    """Nothing is left empty: people are sent to their country's number and to a doctor."""
    day = dt.date(2026, 6, 1)
    lines = [msgspec.structs.replace(line, expiry=day) for line in table.lines]
    said = msgspec.structs.replace(table, lines=lines).reply("self", "imminent", "en", "UK", day)
    assert "Please call the emergency number of your country" in said
    assert "a doctor or your local hospital" in said
    assert "under 18" not in said


def test_replies_keep_to_safe_messaging(table):
    """No reply names a method, a place or a single cause; the English ones name lines."""
    texts = [text.lower() for by_name in table.replies.values() for text in by_name.values()]
    assert len(texts) == 12
    assert [text for text in texts if _METHODS.search(text)] == []
    assert _METHODS.search("it was because of an overdose")


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        pytest.param("Please call 1-800-555-0199 now.", ["1-800-555-0199"], id="wrong lifeline"),
        pytest.param("You can text HOME to 741742.", ["741742"], id="wrong short code"),
        pytest.param("Dial 989 or ring 116 124.", ["989", "116 124"], id="nearly right"),
        pytest.param("The number is 0800 1112.", ["0800 1112"], id="told as a number"),
        pytest.param("Call 988, or text HOME to 741741.", [], id="right ones"),
        pytest.param("Ring 116 123 or call 13 11 14.", [], id="right ones abroad"),
        pytest.param("Call them at 10:30, or text 2 friends.", [], id="no numbers"),
    ],
)
def test_numbers_that_stand_in_no_line_are_found(table, reply, found):
    """What a generated reply tells people to use must be in the table, short codes too."""
    spans = table.checked([], normalise(reply).plain)
    assert [reply[span.start : span.end] for span in spans] == found
    assert {span.type for span in spans} <= {"PHONE"}


def test_numbers_that_a_reply_tells_people_to_use_have_places():
    """Lines' numbers are among them, numbers that nobody is told to use are not."""
    reply = "Call 988. It has 24 hours. Or ring us on 1. 2. 3 lines."
    assert [reply[start:end] for start, end in protocol.told(reply)] == ["988", "1. 2. 3"]


def test_what_was_found_before_is_not_found_twice(table):
    """A number that already is personal data keeps its span, and order is kept."""
    reply = "Dial 989, or ring 020 7946 0000."
    known = PiiSpan("PHONE", 18, 31, 0.9)
    assert [span.start for span in table.checked([known], normalise(reply).plain)] == [5, 18]


def test_a_wrong_line_in_a_reply_is_redacted(chain):
    """A generated reply may not send people to a number of its own; the right one stays."""
    reply = "Please call 1-800-555-0199, or text HOME to 741742, or call 988."
    decision = chain.scan_message(reply, "assistant")
    assert decision.redacted == "Please call [PHONE_1], or text HOME to [PHONE_2], or call 988."
    assert decision.gates[3].passed is False


def test_the_chain_names_the_lines_of_the_readers_country(chain):
    """Both replies of the chain take a locale and pass it on."""
    grave = chain.scan_message("I want to kill myself and I have a plan")
    calm = chain.scan_message("What time does the library open?")
    assert "1737" in chain.protocol_reply(grave, "NZ")
    assert "1737" in chain.safe_reply(grave, "en-NZ")
    assert "14416" in chain.safe_reply(calm, "IN")
    assert "14416" not in chain.safe_reply(calm)


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        pytest.param("id: us_text", "id: us_988", "line us_988 stands twice", id="twice"),
        pytest.param("kind: minor, locale: UK", "kind: child, locale: UK", "child", id="kind"),
        pytest.param("hours: ", "open: ", "contains unknown field `open`", id="unknown field"),
        pytest.param("signatures: []", "signatures: []\nowner: x", "owner", id="unknown part"),
        pytest.param(
            "{lines}.{minors}", "{lines}.{children}", r"asks for \{children\}", id="unknown place"
        ),
        pytest.param("    no_lines:", "    no_line:", "replies.en has no no_lines", id="no text"),
        pytest.param(
            "    imminent: [stop", "    worst: [stop", "actions name worst", id="severity"
        ),
        pytest.param(
            "date_checked: null, expiry: null",
            "date_checked: 2026-02-01, expiry: 2026-01-01",
            "line us_988 expires before it was checked",
            id="dates",
        ),
        pytest.param("expiry: null", "expiry: soon", "expiry", id="no date"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path, wrong, right, message):
    """The sentence names the file and what is wrong."""
    text = _PATH.read_text()
    assert wrong in text
    (tmp_path / "protocol.yaml").write_text(text.replace(wrong, right, 1))
    with pytest.raises(FilterError, match=message) as caught:
        protocol.load(tmp_path / "protocol.yaml")
    assert "protocol.yaml" in str(caught.value)
