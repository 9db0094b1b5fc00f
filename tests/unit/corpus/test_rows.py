"""Rows on disk: each is found by its position, once, and a bad line by file and number."""

import msgspec
import pytest

from caretune import records
from caretune.corpus import rows as on_disk
from caretune.corpus.rows import Rows
from caretune.errors import CaretuneError, RecordError
from caretune.records import Conversation, Message


def row(number: int) -> Conversation:
    """Build a row; its length depends on its number, and not all of it is ASCII."""
    said = [
        Message("user", f"caf\u00e9 {number} " * (number % 7 + 1)),
        Message("assistant", "Why?"),
    ]
    return Conversation(id=f"{number:04}", source="s", license="x", messages=said)


@pytest.fixture
def three(tmp_path):
    """Files of 50, 0 and 25 rows, the last one without a line end, and their rows."""
    made = [row(number) for number in range(75)]
    paths = [tmp_path / f"{name}.jsonl" for name in "abc"]
    for path, part in zip(paths, (made[:50], [], made[50:]), strict=True):
        records.write(path, part)
    paths[2].write_bytes(paths[2].read_bytes().removesuffix(b"\n"))
    return paths, made


@pytest.fixture
def small(monkeypatch):
    """Shards of about a kilobyte, read in blocks that end in the middle of lines."""
    monkeypatch.setattr(on_disk, "_SHARD_BYTES", 1000)
    monkeypatch.setattr(on_disk, "_BLOCK", 97)


@pytest.mark.usefixtures("small")
def test_a_row_is_found_by_its_position(three):
    """Random access over three files gives what walking over them gives, which is what is there."""
    paths, made = three
    rows = Rows(paths)
    assert len(rows) == 75
    assert list(rows) == made
    assert [rows[position] for position in reversed(range(75))] == made[::-1]


@pytest.mark.usefixtures("small")
def test_shards_hold_each_row_once(three):
    """Shards follow each other without gap or overlap, each of one file and of about its size."""
    paths, made = three
    shards = list(Rows(paths).shards())
    assert len(shards) > 5
    assert [one for shard in shards for one in shard.rows()] == made
    at = 0
    for shard in shards:
        assert shard.position == at
        assert len(shard.lines()) == shard.size
        assert shard.end - shard.start <= 1000
        at += shard.size
    assert at == 75
    assert {shard.path for shard in shards} == {paths[0], paths[2]}


def test_a_row_larger_than_a_shard_is_a_shard(three, monkeypatch):
    """No row is divided, however large it is."""
    monkeypatch.setattr(on_disk, "_SHARD_BYTES", 10)
    paths, made = three
    shards = list(Rows(paths).shards())
    assert [shard.size for shard in shards] == [1] * 75
    assert [one for shard in shards for one in shard.rows()] == made


def test_an_empty_file_has_no_rows(tmp_path):
    """An empty file is no error: it has no row and no shard."""
    path = tmp_path / "rows.jsonl"
    path.touch()
    assert len(Rows([path])) == 0
    assert list(Rows([path]).shards()) == []
    assert list(Rows([])) == []


def test_there_is_no_row_after_the_last(three):
    """A position beyond the rows is an error, not another row."""
    with pytest.raises(IndexError):
        Rows(three[0])[75]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(b"{", "Input data was truncated", id="no JSON"),
        pytest.param(b'{"id":3}', r"Expected `str`, got `int` - at `\$\.id`", id="no row"),
        pytest.param(b'{"id":"\xff"}', "invalid start byte|Invalid UTF-8", id="no UTF-8"),
        pytest.param(b"", "Input data was truncated", id="blank"),
    ],
)
@pytest.mark.usefixtures("small")
def test_a_bad_line_is_named_by_file_and_number(three, line, problem):
    """By position and on a walk: which file, which line, which field; the others can be read."""
    paths, made = three
    lines = paths[2].read_bytes().split(b"\n")
    lines[20] = line
    paths[2].write_bytes(b"\n".join(lines) + b"\n")
    rows = Rows(paths)
    for read in (lambda: list(rows), lambda: rows[70]):
        with pytest.raises(RecordError, match=problem) as caught:
            read()
        assert (caught.value.path, caught.value.line) == (str(paths[2]), 21)
    assert rows[71] == made[71]


def test_a_bad_line_quotes_nothing_of_the_row(three):
    """What somebody wrote in the wrong place is not in the error."""
    path = three[0][0]
    line = records.encode({**msgspec.to_builtins(row(0)), "my secret": "x"})
    path.write_bytes(line + b"\n")
    with pytest.raises(RecordError) as caught:
        Rows([path])[0]
    assert "secret" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path):
    """The sentence names the file and the command that makes it."""
    path = tmp_path / "corpus.jsonl"
    with pytest.raises(CaretuneError, match="no such file") as caught:
        Rows([path])
    assert str(caught.value).startswith(f"{path}: ")
    assert "dvc repro" in str(caught.value)
