"""The adapter of anybody's own data."""

import csv
import gzip
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from caretune.corpus.sources import chat
from caretune.corpus.sources.raw import RawMessage
from caretune.errors import SourceError

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
SHARED = [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]
SAID = [RawMessage("user", "Hi"), RawMessage("assistant", "Hello")]
SHAPES = [
    pytest.param({"messages": TURNS}, id="messages"),
    pytest.param({"conversations": SHARED}, id="ShareGPT"),
    pytest.param({"instruction": "Hi", "output": "Hello"}, id="instruction and output"),
    pytest.param({"instruction": "Hi", "input": "", "response": "Hello"}, id="and response"),
    pytest.param({"prompt": "Hi", "completion": "Hello"}, id="prompt and completion"),
]


def read(tmp_path, *lines):
    """Read lines of text as a chat file."""
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return list(chat.read(path))


def one(tmp_path, row):
    """Read one row as a chat file."""
    ((_, told),) = read(tmp_path, json.dumps(row))
    return told


def save(path, rows):
    """Write rows in the format that the path's suffix names."""
    kept = path.suffixes[0]
    if kept == ".parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path)
        return path
    if kept == ".csv":
        header = sorted({name for row in rows for name in row})
        cells = [[text(row.get(name, "")) for name in header] for row in rows]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *cells])
    elif kept == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


def text(value):
    """Write a value as a CSV cell: a list as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("row", SHAPES)
@pytest.mark.parametrize(
    "suffix", ["jsonl", "json", "csv", "parquet", "jsonl.gz", "json.gz", "csv.gz"]
)
def test_every_shape_is_read_from_every_format(tmp_path, suffix, row):
    """The same rows give the same conversations, whatever file and fields tell them."""
    path = save(tmp_path / f"chat.{suffix}", [{**row, "category": "grief"}] * 3)
    rows = [told for _, told in chat.read(path)]
    assert [told.messages for told in rows] == [SAID] * 3
    assert {told.category for told in rows} == {"grief"}


def test_messages_alone_are_enough(tmp_path):
    """A line needs nothing but messages; other fields are ignored."""
    row = one(tmp_path, {"messages": TURNS, "rating": 5})
    assert row.messages == SAID
    assert row.domain is None


def test_domain_category_and_difficulty_are_kept(tmp_path):
    """A line may name its domain, category and difficulty."""
    told = {"domain": "crisis_safety", "category": "grief", "difficulty": "hard"}
    row = one(tmp_path, {"messages": TURNS, **told})
    assert (row.domain, row.category, row.difficulty) == ("crisis_safety", "grief", "hard")


def test_an_empty_category_is_none(tmp_path):
    """An empty cell says nothing, and so it is no category."""
    row = one(tmp_path, {"messages": TURNS, "category": "", "difficulty": ""})
    assert (row.category, row.difficulty) == (None, None)


def test_bad_lines_keep_their_numbers_and_the_rest_goes_on(tmp_path):
    """A broken line and a wrong type leave by name; the good line after them is read."""
    good = json.dumps({"messages": TURNS})
    rows = read(tmp_path, '{"messages": [', '{"messages": "none"}', good)
    assert [(line, getattr(row, "exit", "")) for line, row in rows] == [
        (1, "bad_json"),
        (2, "bad_field"),
        (3, ""),
    ]


def test_shapes_may_change_from_row_to_row(tmp_path):
    """Each row is told by its own fields, so their order plays no part."""
    rows = [param.values[0] for param in SHAPES]
    forth = read(tmp_path, *map(json.dumps, rows))
    back = read(tmp_path, *map(json.dumps, reversed(rows)))
    assert [row for _, row in forth] == [row for _, row in reversed(back)]
    assert [row.messages for _, row in forth] == [SAID] * len(SHAPES)


@pytest.mark.parametrize("stray", [{"input": {"a": 1}}, {"output": [2]}, {"prompt": None}])
def test_a_field_of_another_shape_is_not_in_the_way(tmp_path, stray):
    """A row with messages may use the names of the other shapes for anything."""
    assert one(tmp_path, {"messages": TURNS, **stray}).messages == SAID


def test_the_input_follows_the_instruction(tmp_path):
    """An instruction and its input are one user turn, a line each."""
    row = one(tmp_path, {"instruction": "Answer:", "input": "Hi", "output": "Hello"})
    assert row.messages[0].content == "Answer:\nHi"


def test_roles_and_system_rows_are_left_to_the_door(tmp_path):
    """Unknown roles, roles out of order and system-only rows come through as they stand."""
    told = [{"from": "tool", "value": "4"}, {"from": "system", "value": "Be kind."}]
    row = one(tmp_path, {"conversations": told})
    assert [message.role for message in row.messages] == ["tool", "system"]


def test_an_empty_reply_is_left_to_the_door(tmp_path):
    """A reply that is there but empty has a shape; the door lets it out by `empty`."""
    row = one(tmp_path, {"prompt": "Hi", "completion": ""})
    assert row.messages[1].content == ""


def test_a_message_of_ten_megabytes_comes_whole(tmp_path):
    """No length is lost on the way, in any format; what is too long is the door's to say."""
    long = "word " * 2_000_000
    row = {"messages": [{"role": "user", "content": long}, TURNS[1]]}
    for suffix in ("jsonl", "json", "csv", "parquet"):
        ((_, told),) = chat.read(save(tmp_path / f"long.{suffix}", [row]))
        assert told.messages[0].content == long


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_a_nul_character_comes_through_to_the_door(tmp_path, suffix):
    """A NUL in a text ends no text on the way; the door lets its row out by name."""
    path = save(tmp_path / f"chat.{suffix}", [{"instruction": "Hi", "output": "Hel\0lo"}])
    ((_, row),) = chat.read(path)
    assert row.messages[1].content == "Hel\0lo"


def test_a_nul_byte_in_a_line_is_bad_json(tmp_path):
    """A raw NUL byte is no JSON; it costs its line."""
    good = json.dumps({"messages": TURNS})
    (_, first), (_, second) = read(tmp_path, good.replace("Hello", "Hel\0lo"), good)
    assert first.exit == "bad_json"
    assert second.messages == SAID


def test_a_bom_is_no_part_of_the_first_line(tmp_path):
    """The mark that some editors write is skipped."""
    path = tmp_path / "chat.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"messages": TURNS}).encode())
    ((_, row),) = chat.read(path)
    assert row.messages == SAID


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
def test_text_in_another_encoding_costs_its_row(tmp_path, suffix):
    """Of three rows the one that is not UTF-8 leaves by name, and the other two are read."""
    rows = [{"prompt": f"Caf{mark}", "completion": "Hello"} for mark in "eXe"]
    path = save(tmp_path / f"chat.{suffix}", rows)
    path.write_bytes(path.read_bytes().replace(b"X", b"\xe9"))
    told = [getattr(row, "exit", "") for _, row in chat.read(path)]
    assert told == ["", "bad_field" if suffix == "csv" else "bad_json", ""]


@pytest.mark.parametrize("suffix", ["jsonl.gz", "json.gz", "csv.gz"])
def test_a_cut_gzip_keeps_every_row_in_the_account(tmp_path, suffix):
    """Every row before the cut is a conversation, then one row leaves by `truncated`."""
    rows = [{"prompt": f"Question {place * 7919}", "completion": "Hello"} for place in range(5000)]
    path = save(tmp_path / f"chat.{suffix}", rows)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *read, (_, last) = chat.read(path)
    told = [row.messages[0].content for _, row in read]
    assert told == [row["prompt"] for row in rows[: len(told)]]
    assert 1000 < len(told) < 5000
    assert last.exit == "truncated"


def test_lists_in_a_cell_that_are_not_json_are_named(tmp_path):
    """A list printed by Python is no JSON: the row leaves with the field's name."""
    row = one(tmp_path, {"messages": str(TURNS)})
    assert (row.exit, row.problem) == ("bad_field", "Expected a list as JSON - at `$.messages`")


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ({"messages": [{"role": "user"}]}, "`content` - at `$.messages[0]`"),
        ({"conversations": [{"from": "gpt"}]}, "`value` - at `$.conversations[0]`"),
        ({"messages": TURNS, "category": 7}, "got `int` - at `$.category`"),
        ([1], "Expected `object`, got `array`"),
    ],
)
def test_a_wrong_type_is_named_by_its_place(tmp_path, told, place):
    """The problem ends in the path to the field."""
    row = one(tmp_path, told)
    assert row.exit == "bad_field"
    assert place in row.problem


def test_a_bottomless_line_is_bad_json(tmp_path):
    """A line of brackets within brackets costs itself."""
    (_, row), _ = read(tmp_path, '{"a":' + "[" * 200_000, json.dumps({"messages": TURNS}))
    assert row.exit == "bad_json"


def test_a_row_without_a_shape_costs_itself(tmp_path):
    """Among rows that fit, a row with other fields leaves by `bad_field`, which names the shapes."""
    (_, bad), (_, good) = read(tmp_path, '{"text": "Hi"}', json.dumps({"messages": TURNS}))
    assert bad.exit == "bad_field"
    assert bad.problem.startswith("expected messages, or conversations, or instruction (or prompt)")
    assert good.messages == SAID


def test_a_file_in_which_no_row_has_a_shape_is_refused(tmp_path):
    """The sentence names the file and what was expected, and quotes nobody."""
    with pytest.raises(
        SourceError, match=r"chat\.jsonl: expected the fields messages, or .* none of its 2 rows"
    ) as caught:
        read(tmp_path, '{"text": "my secret"}', '{"a": 1}')
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_with_a_missing_column_is_refused(tmp_path, suffix):
    """A table with a question and no reply says which of the fields it has."""
    path = save(tmp_path / f"chat.{suffix}", [{"instruction": "Hi", "text": "Hello"}])
    with pytest.raises(
        SourceError, match=r"response \(or output or completion\); of these it has instruction\. R"
    ):
        list(chat.read(path))


def test_a_table_without_any_field_is_refused(tmp_path):
    """A header that may be somebody's words is not quoted."""
    (tmp_path / "chat.csv").write_text("I feel low,\nso do I,\n")
    with pytest.raises(SourceError, match="of these it has none") as caught:
        list(chat.read(tmp_path / "chat.csv"))
    assert "low" not in str(caught.value)


def test_a_parquet_with_a_wrong_type_is_refused(tmp_path):
    """Messages that are numbers are refused with column and type."""
    path = save(tmp_path / "chat.parquet", [{"messages": 3}])
    with pytest.raises(SourceError, match="expected text or a list in column messages, got int64"):
        list(chat.read(path))


def test_parquet_turns_of_a_wrong_type_cost_their_rows(tmp_path):
    """Lists of numbers leave row by row, each with its place."""
    path = save(tmp_path / "chat.parquet", [{"messages": [3]}])
    ((_, row),) = chat.read(path)
    assert row.problem == "Expected `object`, got `int` - at `$.messages[0]`"


def test_another_suffix_is_refused(tmp_path):
    """The sentence lists the suffixes that are read."""
    (tmp_path / "chat.xlsx").write_bytes(b"")
    with pytest.raises(SourceError, match=r"expected a name that ends in \.jsonl, \.json, \.csv"):
        list(chat.read(tmp_path / "chat.xlsx"))


def test_an_empty_file_has_no_rows(tmp_path):
    """A file of lines without any yields nothing; ingest then says that the source has no rows."""
    (tmp_path / "chat.jsonl").write_bytes(b"")
    assert list(chat.read(tmp_path / "chat.jsonl")) == []


@pytest.mark.parametrize(
    ("suffix", "message"),
    [("json", "expected a JSON array"), ("csv", "CSV header"), ("parquet", "no Parquet file")],
)
def test_an_empty_file_of_another_format_is_refused(tmp_path, suffix, message):
    """A file of no bytes is no array, no table and no Parquet."""
    path = tmp_path / f"chat.{suffix}"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match=message):
        list(chat.read(path))
