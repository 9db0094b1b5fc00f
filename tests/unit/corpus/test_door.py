"""The door lets a row in or names why not."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune import records
from caretune.corpus import door as the_door
from caretune.corpus.door import Door, Entry, Passed
from caretune.corpus.source import RawRow
from caretune.corpus.sources.raw import RawConversation, RawMessage
from caretune.lineage import identity, suppression
from caretune.records import BadRow, Client, Conversation, Crisis, Gold, Message
from tests.fixtures.corpus import LENIENT, settings, source

USER = RawMessage("user", "I cannot sleep.")
REPLY = RawMessage("assistant", "How long has that been?")
EMAIL = re.compile(r"\S+@\S+\.\w+")


class Span(NamedTuple):
    """One address that was found."""

    type: str


class EmailRedactor:
    """A small redactor: the same address gets the same number."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def redact(self, text: str) -> tuple[str, list[Span]]:
        """Replace every address."""
        found = EMAIL.findall(text)
        for address in found:
            number = self.numbers.setdefault(address, len(self.numbers) + 1)
            text = text.replace(address, f"[EMAIL_{number}]")
        return text, [Span("EMAIL") for _ in found]


class Filters:
    """Small filters: they redact addresses, and who writes one is at high risk."""

    def redactor(self, spared=None) -> EmailRedactor:
        """Return a redactor for one conversation."""
        return EmailRedactor()

    def scan_turns(self, turns):
        """Find the risk of some turns."""
        high = any("@" in turn.content for turn in turns)
        return SimpleNamespace(
            crisis=SimpleNamespace(severity="high" if high else "none", types=[])
        )


@pytest.fixture
def filters(monkeypatch):
    """The folder of the small filters."""
    monkeypatch.setattr(the_door.Chain, "load", lambda _: Filters())
    return Path("filters")


def through(*rows: RawConversation | BadRow | list[RawMessage], **changes: object) -> Passed:
    """Send rows of a chat file through a door; changes of the source are told from the door's."""
    described = source(Path("chat.jsonl"), "chat")
    for name in ("domains", "default_domain", "license"):
        if name in changes:
            described = described._replace(**{name: changes.pop(name)})
    shard = [
        RawRow(
            "chat",
            f"chat:{line}",
            line,
            RawConversation(row) if isinstance(row, list) else row,
        )
        for line, row in enumerate(rows, start=1)
    ]
    return Door(settings([described], **changes))(shard)


def entry(row: RawConversation | BadRow | list[RawMessage], **changes: object) -> Entry:
    """Send one row through a door."""
    (made,) = through(row, **changes).entries
    return made


def let_in(*rows: RawConversation | list[RawMessage], **changes: object) -> list[Conversation]:
    """Return the rows that a door lets in."""
    made = through(*rows, **changes).entries
    return [msgspec.json.decode(one.line, type=Conversation) for one in made if one.line]


def says(text: str, role: str = "user") -> RawMessage:
    """Build a message."""
    return RawMessage(role, text)


@pytest.mark.parametrize(
    ("row", "way", "detail"),
    [
        pytest.param(
            [USER, says("Hm.", "bot")],
            "unknown_role",
            "expected role system|user|assistant, got 'bot' at $.messages[1].role",
            id="unknown_role",
        ),
        pytest.param(
            [USER, USER, REPLY],
            "role_order",
            "two turns of one role, got user at $.messages[1].role",
            id="a role twice",
        ),
        pytest.param(
            [USER, REPLY, says("Be kind.", "system")],
            "role_order",
            "a system message stands first, got system at $.messages[2].role",
            id="a late system message",
        ),
        pytest.param(
            [USER, says(" \n\t", "assistant")],
            "empty",
            "no text at $.messages[1].content",
            id="blank",
        ),
        pytest.param(
            [says("a\0b"), REPLY],
            "control_character",
            "U+0000 at $.messages[0].content",
            id="NUL",
        ),
        pytest.param(
            [USER, says("a\x1bb", "assistant")],
            "control_character",
            "U+001B at $.messages[1].content",
            id="escape",
        ),
        *(
            pytest.param(
                row, "empty", "no assistant message after a user message at $.messages", id=name
            )
            for name, row in {
                "no message": [],
                "no reply": [USER],
                "reply first": [REPLY, USER],
                "only a system message": [says("Be kind.", "system")],
                "no user": [says("Be kind.", "system"), REPLY],
            }.items()
        ),
        pytest.param(
            BadRow(1, "bad_json", "Input data was truncated"),
            "bad_json",
            "Input data was truncated",
            id="what the adapter could not read",
        ),
    ],
)
def test_a_row_that_cannot_be_read_is_named(row, way, detail):
    """The exit, and in its detail file, line and field; the row is bad and has no id."""
    made = entry(row)
    assert made.exit == way
    assert made.detail == f"chat.jsonl line 1: {detail}"
    assert made.bad
    assert (made.name, made.id, made.line) == ("chat:1", "", b"")


@pytest.mark.parametrize("role", ["my secret", "Secret", "secret" * 4, "secret\n"])
def test_a_role_that_is_no_plain_word_is_not_quoted(role):
    """Text in the place of a role does not get into the ledger."""
    assert entry([says("x", role), REPLY]).detail.endswith("got \u2026 at $.messages[0].role")


@given(st.text(min_size=10).filter(lambda text: text.strip()))
def test_no_detail_quotes_the_row(text):
    """Whatever was said, the way out tells where and not what."""
    for row in ([says(text)], [says(text), says(text)], [says(text + "\0"), REPLY]):
        assert text not in entry(row).detail


def test_an_opening_of_the_assistant_is_no_fault():
    """A greeting before the first question, behind a system message, is let in as it stands."""
    turns = [says("Be kind.", "system"), says("Hello.", "assistant"), USER, REPLY]
    assert [message.role for message in let_in(turns)[0].messages] == [turn.role for turn in turns]


def test_tabs_and_line_ends_are_no_control_characters():
    """What people type stays."""
    assert let_in([says("a\tb\nc"), REPLY])[0].messages[0].content == "a\tb\nc"


def test_a_row_that_got_in_keeps_what_its_source_tells():
    """Domain, category, difficulty, client, labels, scores, style and licence are the row's."""
    gold = Gold(Crisis(["panic"], "low", "ongoing", []))
    raw = RawConversation(
        [USER, RawMessage("assistant", "How long?", "question")],
        domain="crisis_safety",
        category="sleep",
        difficulty="hard",
        client=Client("adult", "baker"),
        gold=gold,
        scores={"transcription": 0.5},
        style=["pauses"],
    )
    (row,) = let_in(raw, license="MIT")
    assert (row.domain, row.category, row.difficulty) == ("crisis_safety", "sleep", "hard")
    assert (row.client, row.gold, row.license) == (Client("adult", "baker"), gold, "MIT")
    assert row.scores is not None
    assert row.scores["transcription"] == 0.5
    assert row.style == ["pauses"]
    assert row.messages[1].strategy == "question"
    made = entry(raw)
    assert (made.severity, made.id, made.exit) == ("low", row.id, "")


def test_a_line_is_canonical_json():
    """The line of an entry is the row as every stage writes it."""
    made = entry([USER, REPLY])
    assert made.line == records.encode(msgspec.json.decode(made.line, type=Conversation))


def test_the_id_is_taken_from_normalised_text():
    """Windows line ends and decomposed letters are the same row as their normal form."""
    odd, plain = [says("Cafe\u0301\r\nclosed"), REPLY], [says("Caf\u00e9\nclosed"), REPLY]
    one, two = through(odd, plain).entries
    assert (one.id, one.words, one.line) == (two.id, two.words, two.line)
    assert let_in(odd)[0].messages[0].content == "Caf\u00e9\nclosed"


def test_equal_words_have_equal_hashes():
    """Case, punctuation and strategies do not count; who says a word does."""
    same = [says("i CANNOT sleep"), RawMessage("assistant", "How long has that been", "question")]
    other = [says("I cannot sleep. How"), says("long has that been?", "assistant")]
    one, two, three = through([USER, REPLY], same, other).entries
    assert one.words == two.words != three.words
    assert one.id != two.id


def test_the_domain_comes_from_the_row_then_the_table_then_the_default():
    """What the row says counts first, then the table from category to domain, then the default."""
    rows = [
        RawConversation([USER, REPLY], domain="a", category="grief"),
        RawConversation([USER, REPLY], category="grief"),
        RawConversation([USER, REPLY], category="work"),
        RawConversation([USER, REPLY]),
    ]
    found = let_in(*rows, domains={"grief": "b"}, default_domain="c")
    assert [row.domain for row in found] == ["a", "b", "c", "c"]


def test_a_persons_hash_depends_on_the_key():
    """The same name has the same hash under one key and another under another."""
    rows = [RawConversation([USER, REPLY], person=name) for name in ("Jo  Doe", "jo doe")]
    one, again = (row.person for row in let_in(*rows, person_key="one"))
    assert one == again == identity.person_hash("one", "chat", "jo doe")
    assert {row.person for row in let_in(*rows, person_key="two")} != {one}


@pytest.mark.parametrize("kind", ["row", "source", "person"])
def test_a_suppressed_row_is_kept_out(kind):
    """By its id, its source or its person; the detail names the row and the entry."""
    raw = RawConversation([USER, REPLY], person="Jo Doe")
    (row,) = let_in(raw)
    key = {"row": row.id, "source": "chat", "person": str(row.person)}[kind]
    made = entry(raw, suppressed=suppression.sets([suppression.Entry(kind, key)]))
    assert (made.exit, made.id, made.line, made.bad) == ("suppressed", row.id, b"", False)
    assert made.detail == f"{row.id}: the {kind} {key} is suppressed"


def test_a_row_that_is_not_good_enough_leaves_by_name():
    """An exit of quality passes through, with the row's id and the figure that was too low."""
    thresholds = LENIENT._replace(min_reply_words=50)
    passed = through([USER, REPLY], thresholds=thresholds)
    (made,) = passed.entries
    assert (made.exit, made.bad) == ("too_short", False)
    assert made.detail == f"{made.id}: the replies have 5 words, 50 are due"
    assert passed.contents.total == 0
    assert passed.quality.figures()["chat"]["rows"] == {"before": 1, "after": 0}
    assert passed.quality.figures()["chat"]["exits"] == {"too_short": 1}


def test_a_message_of_ten_megabytes_is_too_long(monkeypatch):
    """It leaves by its length before any of its words is looked at."""
    monkeypatch.setattr(the_door.assessment.scores, "side", None)
    thresholds = LENIENT._replace(max_message_chars=20_000)
    made = entry([says("word " * 2_000_000), REPLY], thresholds=thresholds)
    assert made.exit == "too_long"
    assert made.detail == f"{made.id}: a message of 10000000 characters, 20000 are allowed"


@pytest.mark.parametrize("way", ["no_definition", "no_criteria", "persona_inconsistent"])
def test_a_row_with_nothing_to_learn_is_not_bad(way):
    """What an adapter read well and left out counts as an exit and not as a fault of the file."""
    made = entry(BadRow(1, way, "nothing at $.definition"))
    assert (made.exit, made.bad, made.id) == (way, False, "")


def test_what_a_source_measured_goes_before_our_measure():
    """A transcript's own naturalness is the row's, and the one that the report shows."""
    passed = through(RawConversation([USER, REPLY], scores={"naturalness": 0.25}))
    row = msgspec.json.decode(passed.entries[0].line, type=Conversation)
    assert row.scores is not None
    assert row.scores["naturalness"] == 0.25
    shown = passed.quality.figures()["chat"]["scores"]["naturalness"]
    assert shown["before"]["mean"] == shown["after"]["mean"] == 0.25


def test_a_gold_label_stands_for_the_words_that_redaction_takes(filters):
    """Where an author said how grave it is, the filters are not asked again after redaction."""
    raw = RawConversation([says("Here is a@b.org"), REPLY], gold=Gold(Crisis(severity="high")))
    assert entry(raw, filters=filters).exit == ""


def test_scores_go_with_the_row():
    """A row that gets in carries its scores, each between 0 and 1."""
    scores = let_in([USER, REPLY])[0].scores
    assert scores
    assert all(0.0 <= score <= 1.0 for score in scores.values())


def test_the_id_is_taken_before_redaction(filters):
    """Redaction changes the text and neither the id nor the words that duplicates go by."""
    turns = [says("Write to a@b.org, not c@d.org, a@b.org"), says("Why a@b.org?", "assistant")]
    gold = RawConversation(turns)
    passed = through(gold, filters=filters, thresholds=LENIENT)
    assert passed.entries[0].exit == "redaction_loss"  # these filters see risk in an address
    calm = [says("Write to me."), says("To a@b.org, c@d.org or a@b.org?", "assistant")]
    (row,) = let_in(calm, filters=filters)
    assert row.messages[1].content == "To [EMAIL_1], [EMAIL_2] or [EMAIL_1]?"
    assert row.messages[0].content == "Write to me."
    assert row.id == identity.content_id("chat", [Message(m.role, m.content) for m in calm])
    assert entry(calm, filters=filters).words == entry(calm).words


def test_placeholders_start_anew_in_each_conversation(filters):
    """One redactor serves one conversation: the first address of each is number one."""
    rows = let_in(
        [USER, says("a@b.org", "assistant")], [USER, says("c@d.org", "assistant")], filters=filters
    )
    assert [row.messages[1].content for row in rows] == ["[EMAIL_1]", "[EMAIL_1]"]


def test_personal_data_is_counted_by_type(filters):
    """What was replaced is counted."""
    turns = [USER, says("a@b.org c@d.org", "assistant")]
    assert through(turns, turns, filters=filters).pii == {"EMAIL": 4}
    assert through(turns).pii == {}


def test_a_row_that_redaction_would_make_milder_is_kept_out(filters):
    """Where the filters see less risk without the personal data, the row leaves by name."""
    passed = through([says("Here is a@b.org"), REPLY], filters=filters)
    (made,) = passed.entries
    assert (made.exit, made.bad, made.line) == ("redaction_loss", False, b"")
    assert made.detail == f"{made.id}: severity"
    assert passed.contents.total == 0
    assert passed.quality.figures()["chat"]["rows"] == {"before": 1, "after": 0}


def test_a_row_that_redaction_takes_a_crisis_word_from_is_kept_out(filters):
    """An address that swallows a word of the crisis takes the row out."""
    made = entry([USER, says("Never say suicide@x.org to me", "assistant")], filters=filters)
    assert made.exit == "redaction_loss"
    assert made.detail == f"{made.id}: crisis_wording"


def test_a_shard_does_not_depend_on_its_order():
    """Rows in another order are the same rows, counted the same."""
    rows = [[says(f"Day {n}: I cannot sleep."), REPLY] for n in range(5)]
    one, two = through(*rows), through(*rows[::-1])
    assert sorted(e.line for e in one.entries) == sorted(e.line for e in two.entries)
    assert one.contents.figures() == two.contents.figures()
    assert one.quality.figures() == two.quality.figures()


def test_the_real_filters_can_be_loaded(bundle_folder):
    """A folder of filters makes a door that redacts: a name in a reply becomes a placeholder."""
    turns = [USER, says("Write to jo.doe@example.org tomorrow.", "assistant")]
    (row,) = let_in(turns, filters=bundle_folder)
    assert row.messages[1].content == "Write to [EMAIL_1] tomorrow."


@pytest.mark.parametrize(
    ("row", "place"),
    [
        pytest.param({"domain": "Jane Roe"}, "$.domain", id="domain"),
        pytest.param({"difficulty": "hard, said Jane"}, "$.difficulty", id="difficulty"),
        pytest.param({"category": "jane@example.org"}, "$.category", id="category"),
        pytest.param({"category": "x" * 61}, "$.category", id="long category"),
    ],
)
def test_a_field_that_is_no_label_is_named(row, place):
    """Free text in a field would pass the door as it is: the row leaves, and is not quoted."""
    made = entry(RawConversation([USER, REPLY], **row))
    assert (made.exit, made.bad) == ("bad_field", True)
    assert made.detail.endswith(f"expected a short label at {place}")


def test_a_strategy_that_is_no_label_is_named():
    """So it is with the strategy of a message."""
    reply = RawMessage("assistant", "How long has that been?", "call 555-1234!")
    assert entry([USER, reply]).detail.endswith("a short label at $.messages[1].strategy")


def test_a_crisis_word_taken_for_a_name_stays(bundle_folder):
    """Names are replaced, but not a word of a crisis that only looks like one."""
    door = Door(settings([source(Path("chat.jsonl"), "chat")], filters=bundle_folder))
    redactor = door._chain.redactor(spared=the_door._tells_of_crisis)
    redactor._detect = lambda text: [
        SimpleNamespace(type="NAME", start=0, end=len(text)) for _ in range(bool(text))
    ]
    assert redactor.redact("Hopelessness").text == "Hopelessness"
    assert redactor.redact("Imogen").text != "Imogen"


def test_a_suppressed_row_takes_its_words_along():
    """So that the same row of another source is known."""
    row = [USER, REPLY]
    kept = entry(row)
    gone = entry(row, suppressed=suppression.sets([suppression.Entry("row", kept.id)]))
    assert (gone.exit, gone.words) == ("suppressed", kept.words)


def test_a_system_message_says_nothing_of_the_row():
    """Two rows that differ in the file's system message have the same words."""
    one, two = (entry([says(f"Be {how}.", "system"), USER, REPLY]) for how in ("kind", "brief"))
    assert one.words == two.words
