"""The schema and its files: what goes in comes out, what is wrong is told by line and field."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caretune import records
from caretune.errors import CaretuneError, RecordError
from caretune.records import (
    BadRow,
    Client,
    Conversation,
    Crisis,
    FilterLabels,
    Gold,
    Message,
    Operation,
)

ROW = Conversation(
    id="a" * 32,
    source="dialogues",
    license="CC-BY-4.0",
    messages=[
        Message("user", "I can\u2019t sleep."),
        Message("assistant", "Since when?", "question"),
    ],
)
FULL = msgspec.structs.replace(
    ROW,
    family="f",
    parent="p",
    operation=Operation("demographic_diversity", 1, 29, ["opening"], pair="0" * 32),
    split="train",
    domain="crisis_safety",
    category="sleep",
    difficulty="hard",
    client=Client("adult", "night nurse"),
    person="0" * 32,
    scores={"naturalness": 0.5},
    style=["pauses"],
    gold=Gold(Crisis(["panic"], "low", "ongoing", ["hope"])),
    filter=FilterLabels(
        Crisis(), ["age"], toxic=False, inappropriate=[], pii={"NAME": 1}, digest="d"
    ),
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant"]),
    content=st.text(max_size=20),
    strategy=st.none() | st.text(max_size=5),
)


@pytest.fixture
def path(tmp_path):
    """A file that does not exist yet, in a folder that does not either."""
    return tmp_path / "new" / "rows.jsonl"


def severity(gold=None, found=None):
    """Build a row with a gold severity and a severity by the filters."""
    labels = (
        None
        if found is None
        else msgspec.structs.replace(FULL.filter, crisis=Crisis(severity=found))
    )
    given_by_author = None if gold is None else Gold(Crisis(severity=gold))
    return msgspec.structs.replace(ROW, gold=given_by_author, filter=labels)


@pytest.mark.parametrize("row", [ROW, FULL], ids=["bare", "full"])
def test_a_row_reads_back_as_it_was_written(path, row):
    """Every field survives a file."""
    assert records.write(path, [row, row]) == 2
    assert list(records.read(path, Conversation)) == [row, row]


@given(st.lists(MESSAGES, max_size=4))
def test_any_text_survives_a_line(messages):
    """Line ends, quotes and control characters in a text never end a record."""
    row = msgspec.structs.replace(ROW, messages=messages)
    line = records.encode(row)
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Conversation) == row


def test_lines_have_sorted_keys_and_plain_utf8(path):
    """The bytes of a row do not depend on the order of its fields."""
    records.write(path, [FULL])
    line = path.read_text(encoding="utf-8")
    assert line.endswith("}\n")
    assert "can\u2019t" in line
    assert list(json.loads(line)) == sorted(json.loads(line))


def test_json_is_indented_and_ends_in_a_newline(path):
    """Figures are files that people read and compare."""
    records.write_json(path, {"b": 1, "a": [None]})
    assert path.read_text() == '{\n  "a": [\n    null\n  ],\n  "b": 1\n}\n'
    assert records.read_json(path) == {"a": [None], "b": 1}


def test_lines_are_written_as_they_are(path):
    """Lines that are encoded already become the file, byte for byte, and are counted."""
    assert records.write_lines(path, iter([b"one\n", b"two\n"])) == 2
    assert path.read_bytes() == b"one\ntwo\n"
    assert records.write_lines(path, []) == 0
    assert path.read_bytes() == b""


def test_a_file_that_is_replaced_is_the_old_one_until_the_end(path):
    """Whoever reads meanwhile reads the old file whole."""
    records.write_lines(path, [b"old\n"])
    with records.replacing(path) as file:
        file.write(b"new\n")
        file.flush()
        assert path.read_bytes() == b"old\n"
    assert path.read_bytes() == b"new\n"


def test_two_files_are_replaced_side_by_side(path):
    """Files that are open together do not mix, and one that fails leaves the other alone."""
    other = path.with_name("other.jsonl")
    with records.replacing(path) as one:
        with pytest.raises(OSError, match="full"), records.replacing(other) as two:  # noqa: PT012
            two.write(b"lost\n")
            raise OSError(28, "full")
        one.write(b"kept\n")
    assert path.read_bytes() == b"kept\n"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_interrupt_leaves_nothing_half_written(path):
    """Ctrl-C is no error and leaves no file either."""
    with pytest.raises(KeyboardInterrupt), records.replacing(path) as file:  # noqa: PT012
        file.write(b"half")
        raise KeyboardInterrupt
    assert list(path.parent.iterdir()) == []


def test_a_failing_writer_leaves_the_old_file(path):
    """The file appears whole or not at all, and nothing half-written stays beside it."""

    def rows():
        yield ROW
        raise OSError(28, "No space left on device")

    records.write(path, [FULL])
    with pytest.raises(OSError, match="No space left"):
        records.write(path, rows())
    assert list(records.read(path, Conversation)) == [FULL]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_written_files_can_be_read_by_others(path):
    """A temporary file's private mode is not what is left."""
    records.write_text(path, "text")
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_bad_line_is_told_by_line_and_field(path):
    """An unknown role: file, line, path to the field, what to do; no text of the row."""
    bad = records.encode(ROW).decode().replace('"user"', '"bot"')
    path.parent.mkdir()
    path.write_text(records.encode(ROW).decode() + "\n\n" + bad + "\n")
    with pytest.raises(RecordError) as error:
        list(records.read(path, Conversation))
    assert str(error.value) == (
        f"{path} line 3: Invalid enum value … - at `$.messages[0].role`. "
        "Fix the record or remove the line, then run again."
    )


@pytest.mark.parametrize(
    ("message", "found"),
    [
        pytest.param(
            {"role": "I want to die", "content": "x"},
            "Invalid enum value … - at `$.messages[0].role`",
            id="value",
        ),
        pytest.param(
            {"role": 'I\'m "done"\nwith - at `$.It', "content": "x"},
            "Invalid enum value … - at `$.messages[0].role`",
            id="value with quotes",
        ),
        pytest.param(
            {"role": "user", "content": "x", "I want\n`to` die": 1},
            "Object contains unknown field … - at `$.messages[0]`",
            id="field",
        ),
        pytest.param(
            {"role": "user", "content": 1},
            "Expected `str`, got `int` - at `$.messages[0].content`",
            id="type",
        ),
        pytest.param(
            {"role": "user"},
            "Object missing required field `content` - at `$.messages[0]`",
            id="missing",
        ),
    ],
)
def test_a_problem_quotes_nothing_of_the_row(path, message, found):
    """The place is named, and our own words; what people wrote is not."""
    path.parent.mkdir()
    path.write_text(json.dumps({"messages": [message]}) + "\n")
    ((_, bad),) = records.read_lenient(path, Conversation)
    assert bad.problem == found


@pytest.mark.parametrize(
    ("line", "way"),
    [
        pytest.param(b'{"id": ', "bad_json", id="cut off"),
        pytest.param(b"\xff\xfe", "bad_json", id="no UTF-8"),
        pytest.param(b'{"id": 1}', "bad_field", id="wrong type"),
        pytest.param(b'{"surprise": 1}', "bad_field", id="unknown field"),
        pytest.param(b"[]", "bad_field", id="no object"),
    ],
)
def test_a_lenient_reader_names_the_way_out(path, line, way):
    """A bad line becomes a BadRow with its number; the lines around it are read."""
    good = records.encode(ROW)
    path.parent.mkdir()
    path.write_bytes(b"\n".join([good, line, good]))
    found = list(records.read_lenient(path, Conversation))
    assert [number for number, _ in found] == [1, 2, 3]
    assert [record for _, record in found[::2]] == [ROW, ROW]
    assert isinstance(found[1][1], BadRow)
    assert found[1][1].exit == way
    assert found[1][1].line == 2


def test_a_text_of_bad_utf8_inside_a_string_is_bad_json(path):
    """A byte that is no character is not silently another one."""
    path.parent.mkdir()
    path.write_bytes(records.encode(ROW).replace("\u2019".encode(), b"\x92"))
    ((_, found),) = records.read_lenient(path, Conversation)
    assert isinstance(found, BadRow)
    assert found.exit == "bad_json"


def test_a_byte_order_mark_and_blank_lines_are_no_rows(path):
    """What editors add around the rows is passed over."""
    path.parent.mkdir()
    path.write_bytes(b"\xef\xbb\xbf" + records.encode(ROW) + b"\r\n\n  \n" + records.encode(FULL))
    assert list(records.read(path, Conversation)) == [ROW, FULL]


def test_a_missing_file_is_one_sentence(path):
    """Both readers say which file is missing and how to make it."""
    with pytest.raises(CaretuneError, match=r"rows\.jsonl: no such file\. Check the path"):
        list(records.read(path, Conversation))
    with pytest.raises(CaretuneError, match=r"rows\.jsonl: no such file\. Run `dvc repro`"):
        records.read_json(path)


def test_broken_json_is_one_sentence(path):
    """A file that is no JSON says so."""
    records.write_text(path, "{")
    with pytest.raises(CaretuneError, match=r"not JSON .* Delete it and run"):
        records.read_json(path)


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    """Ids are taken from the normalised text, so it has to be a fixed point."""
    once = records.normalise_text(text)
    assert records.normalise_text(once) == once
    assert "\r" not in once


def test_equal_looking_texts_are_one():
    """Composed and decomposed letters, and all line ends, are the same text."""
    assert records.normalise_text("e\u0301\r\na\rb") == "\u00e9\na\nb"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(severity("low", "imminent"), "low", id="gold speaks first"),
        pytest.param(severity(None, "high"), "high", id="the filters where gold is silent"),
        pytest.param(severity("none"), "none", id="gold alone"),
        pytest.param(severity(), None, id="nobody"),
        pytest.param(
            msgspec.structs.replace(severity(None, "low"), gold=Gold()), "low", id="empty gold"
        ),
    ],
)
def test_the_severity_to_conserve(row, expected):
    """Gold where present, else the filters', else None, which is not `none`."""
    assert records.crisis_severity(row) == expected


def test_an_unknown_field_is_refused():
    """A row of a later version is not read as if it were one of ours."""
    line = records.encode(ROW)[:-1] + b',"later":1}'
    with pytest.raises(msgspec.ValidationError, match="unknown field `later`"):
        msgspec.json.decode(line, type=Conversation)


def test_a_field_without_a_word_is_counted_apart():
    """Rows without a word stand under a name of their own, not under none at all."""
    assert records.count(["a", None, "a"]) == {"a": 2, "unlabelled": 1}
    assert records.count([None], "unknown") == {"unknown": 1}


def test_pairs_are_counted_as_a_table():
    """The first word names the row, the second the column."""
    pairs = [("high", "none"), ("high", "high"), ("low", "low"), ("high", "high")]
    assert records.cross_count(pairs) == {"high": {"none": 1, "high": 2}, "low": {"low": 1}}
