"""The door lets rows in or names why not."""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from caretune import records
from caretune.errors import SourceError
from caretune.lineage import identity, ledger
from caretune.records import Message
from tests.fixtures.corpus import door, sample, source

USER = {"role": "user", "content": "I cannot sleep."}
REPLY = {"role": "assistant", "content": "How long has that been?"}
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


def chat(tmp_path, *rows):
    """Write rows, each a list of messages or a line of text, as a chat source."""
    path = tmp_path / "chat.jsonl"
    lines = [row if isinstance(row, str) else json.dumps({"messages": row}) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return source(path, "chat")


def outcome(tmp_path, *rows):
    """Return the rows let in and the edges of a chat file, whatever is bad in it."""
    opened = door(max_bad_rate=1.0)
    return list(opened.rows([chat(tmp_path, *rows)])), opened.edges


def test_rows_read_are_rows_written_plus_named_exits(tmp_path):
    """Nothing is lost: six lines, one row, five edges that say why not."""
    rows, edges = outcome(
        tmp_path,
        [USER, REPLY],
        [USER, REPLY],
        "{",
        '{"messages": 3}',
        [USER, {"role": "bot", "content": "Hm."}],
        [USER, {"role": "assistant", "content": " \n"}],
    )
    assert len(rows) == 1
    assert [edge.exit for edge in edges] == [
        "",
        "duplicate",
        "bad_json",
        "bad_field",
        "unknown_role",
        "empty",
    ]


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        pytest.param(
            [USER, {"role": "bot", "content": "Hm."}],
            "chat.jsonl line 2: expected role system|user|assistant, got 'bot' at "
            "$.messages[1].role",
            id="unknown_role",
        ),
        pytest.param([], "chat.jsonl line 2: no assistant message after a user", id="no message"),
        pytest.param([USER], "chat.jsonl line 2: no assistant message after a user", id="no reply"),
        pytest.param(
            [REPLY, USER], "chat.jsonl line 2: no assistant message after a user", id="reply first"
        ),
        pytest.param('{"messages": ', "chat.jsonl line 2: ", id="bad_json"),
    ],
)
def test_an_exit_names_file_line_and_field(tmp_path, row, detail):
    """The ledger says in which file, on which line and in which field a row went wrong."""
    _, edges = outcome(tmp_path, [USER, REPLY], row)
    assert edges[1].source == "chat:2"
    assert edges[1].detail.startswith(detail)


@pytest.mark.parametrize("role", ["my secret", "Secret", "secret" * 4, "secret\n"])
def test_a_role_that_is_no_plain_word_is_not_quoted(tmp_path, role):
    """Text in the place of a role does not get into the ledger."""
    _, edges = outcome(tmp_path, [{"role": role, "content": "x"}, REPLY])
    assert edges[0].detail.endswith("got … at $.messages[0].role")


def test_the_id_is_taken_from_normalised_text(tmp_path):
    """Windows line ends and decomposed letters are the same row as their normal form."""
    odd = [{"role": "user", "content": "Cafe\u0301\r\nclosed"}, REPLY]
    plain = [{"role": "user", "content": "Caf\u00e9\nclosed"}, REPLY]
    rows, edges = outcome(tmp_path, odd, plain)
    assert rows[0].messages[0].content == "Caf\u00e9\nclosed"
    assert edges[1].exit == "duplicate"


def test_the_id_is_taken_before_redaction(tmp_path):
    """Redaction changes the text and not the id."""
    turns = [{"role": "user", "content": "Write to a@b.org, not c@d.org, a@b.org"}, REPLY]
    opened = door(redactor=EmailRedactor)
    (row,) = opened.rows([chat(tmp_path, turns)])
    assert row.messages[0].content == "Write to [EMAIL_1], not [EMAIL_2], [EMAIL_1]"
    assert row.id == identity.content_id("chat", [Message(**turn) for turn in turns])


def test_placeholders_start_anew_in_each_conversation(tmp_path):
    """One redactor serves one conversation: the first address of each is number one."""
    rows = door(redactor=EmailRedactor).rows(
        [
            chat(
                tmp_path,
                [{"role": "user", "content": "a@b.org"}, REPLY],
                [{"role": "user", "content": "c@d.org"}, REPLY, USER, REPLY],
            )
        ]
    )
    assert [row.messages[0].content for row in rows] == ["[EMAIL_1]", "[EMAIL_1]"]


def test_a_persons_hash_depends_on_the_key(tmp_path):
    """The same name has the same hash under one key and another under another."""
    path = tmp_path / "table.csv"
    path.write_text(
        "questionTitle,questionText,topic,therapistInfo,answerText\n"
        "Tired?,,stress,Jo  Doe,Rest.\nSad?,,stress,jo doe,Talk.\n"
    )

    def persons(key: str) -> list[str]:
        rows = door(person_key=key).rows([source(path, "counsel_chat")])
        return [row.person for row in rows]

    assert len(set(persons("one"))) == 1
    assert persons("one") != persons("two")


def test_the_domain_comes_from_the_row_then_the_table_then_the_default(tmp_path):
    """What the row says counts first, then the table from category to domain, then the default."""
    lines = [
        json.dumps({"messages": [{**USER, "content": str(n)}, REPLY], **more})
        for n, more in enumerate(
            [{"domain": "a", "category": "grief"}, {"category": "grief"}, {"category": "work"}, {}]
        )
    ]
    described = chat(tmp_path, *lines)._replace(domains={"grief": "b"}, default_domain="c")
    assert [row.domain for row in door().rows([described])] == ["a", "b", "c", "c"]


def test_too_many_bad_rows_stop_the_run(tmp_path):
    """Above the rate the whole file is refused: how many, of which kind, where the first one is."""
    described = chat(tmp_path, [USER, REPLY], "{", "{", [USER])
    with pytest.raises(SourceError) as caught:
        list(door(max_bad_rate=0.7).rows([described]))
    assert str(caught.value).startswith(
        f"{described.path}: 3 of 4 rows are bad (2 bad_json, 1 empty), more than "
        "params.ingest.max_bad_rate 0.7 allows; the first is line 2: "
    )


def test_as_many_bad_rows_as_the_rate_go_on(tmp_path):
    """At the rate exactly the run goes on."""
    rows = door(max_bad_rate=0.5).rows([chat(tmp_path, [USER, REPLY], "{")])
    assert len(list(rows)) == 1


def test_duplicates_are_not_bad_rows(tmp_path):
    """A file of one row said five times is four exits and no fault."""
    assert len(list(door().rows([chat(tmp_path, *[[USER, REPLY]] * 5)]))) == 1


def test_an_empty_file_is_refused(tmp_path):
    """A source without rows is a fault of the source, said in one sentence."""
    with pytest.raises(SourceError, match=r"chat\.jsonl: holds no rows\. Give it rows, or set"):
        list(door().rows([chat(tmp_path)]))


def test_no_source_is_refused():
    """A corpus of nothing is refused."""
    with pytest.raises(SourceError, match="none is enabled"):
        list(door().rows([]))


def test_a_bad_source_is_refused_before_any_row_is_read(tmp_path):
    """The digests of all sources are checked first."""
    good = chat(tmp_path, [USER, REPLY])
    opened = door()
    with pytest.raises(SourceError, match="has sha256"):
        list(opened.rows([good, good._replace(name="other", sha256="0" * 64)]))
    assert opened.edges == []


def test_rows_stream(tmp_path):
    """The first row comes before the last line is read."""
    rows = door().rows([chat(tmp_path, [USER, REPLY], "{")])
    assert isinstance(rows, Iterator)
    assert next(rows).source == "chat"


def test_figures_count_what_got_in(tmp_path):
    """Rows by source, domain, difficulty, severity and licence each sum to the total."""
    opened = door(redactor=EmailRedactor)
    rows = list(opened.rows(sample(tmp_path)))
    figures = opened.figures(ledger.summarise(sorted(opened.edges)))
    assert figures["rows"].pop("total") == len(rows) == 40
    assert {name: sum(count.values()) for name, count in figures["rows"].items()} == dict.fromkeys(
        ("source", "domain", "difficulty", "severity", "license"), 40
    )
    assert figures["rows"]["severity"]["unlabelled"] == 9
    assert figures["ledger"].rows_read == 40


def test_personal_data_is_counted_by_type(tmp_path):
    """What was replaced is counted; with redaction off the figure is null, not zero."""
    described = chat(tmp_path, [{"role": "user", "content": "a@b.org c@d.org"}, REPLY])
    redacting, plain = door(redactor=EmailRedactor), door()
    for opened in (redacting, plain):
        list(opened.rows([described]))
    summary = ledger.summarise([])
    assert redacting.figures(summary)["pii"] == {"EMAIL": 2}
    assert plain.figures(summary)["pii"] is None


def test_two_runs_give_equal_bytes(tmp_path):
    """The same sources give the same corpus, byte for byte."""
    sources = sample(tmp_path)
    first, second = ([records.encode(row) for row in door().rows(sources)] for _ in range(2))
    assert first == second
