"""caretune.lineage.suppression: the list of what nothing may be learnt from."""

import pytest

from caretune.errors import CaretuneError, RecordError
from caretune.lineage import suppression
from caretune.lineage.suppression import Entry

ROW, OTHER, PERSON = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def path(tmp_path):
    """An empty list."""
    found = tmp_path / "suppressed.jsonl"
    found.touch()
    return found


def test_the_list_is_sorted_and_holds_an_entry_once(path):
    """Entries in any order give the same bytes: the whole file is compared."""
    entries = [Entry("source", "chat"), Entry("row", OTHER), Entry("row", ROW), Entry("row", ROW)]
    assert [suppression.add(path, entry) for entry in entries] == [True, True, True, False]
    assert path.read_text() == (
        f'{{"key":"{ROW}","kind":"row"}}\n{{"key":"{OTHER}","kind":"row"}}\n'
        '{"key":"chat","kind":"source"}\n'
    )
    assert suppression.read(path) == sorted(set(entries))


@pytest.mark.parametrize(
    ("row", "source", "person", "reason"),
    [
        pytest.param(ROW, "chat", None, f"{ROW}: the row {ROW} is suppressed", id="row"),
        pytest.param(OTHER, "diary", None, f"{OTHER}: the source diary is suppressed", id="source"),
        pytest.param(
            OTHER, "chat", PERSON, f"{OTHER}: the person {PERSON} is suppressed", id="person"
        ),
        pytest.param(OTHER, "chat", ROW, None, id="another person"),
        pytest.param(OTHER, "chat", None, None, id="nobody"),
    ],
)
def test_a_row_is_covered_by_its_id_its_source_or_its_person(path, row, source, person, reason):
    """The reason names the row and the entry."""
    for entry in (Entry("row", ROW), Entry("source", "diary"), Entry("person", PERSON)):
        suppression.add(path, entry)
    assert suppression.load(path).covers(row, source, person) == reason


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(
            '{"kind": "person", "key": "Jane Roe"}', "the key of a person is 32 hex", id="name"
        ),
        pytest.param('{"kind": "row", "key": "ABC"}', "the key of a row is 32 hex", id="row"),
        pytest.param('{"kind": "source", "key": ""}', "the key of a source is a name", id="source"),
        pytest.param('{"kind": "row"}', "missing required field `key`", id="field"),
        pytest.param("{", "truncated", id="json"),
    ],
)
def test_a_line_that_is_no_entry_is_named_and_not_quoted(path, line, problem):
    """File and line; what stands there instead of a hash may be a name."""
    path.write_text(f'{{"key":"{ROW}","kind":"row"}}\n{line}\n')
    with pytest.raises(RecordError, match=rf"suppressed.jsonl line 2: .*{problem}") as error:
        suppression.load(path)
    assert "Jane" not in str(error.value)


def test_an_entry_of_another_form_is_not_written(path):
    """A name in clear never gets into the list."""
    with pytest.raises(RecordError, match="the key of a person is 32 hex digits"):
        suppression.add(path, Entry("person", "Jane Roe"))
    assert path.read_bytes() == b""


def test_a_lost_list_does_not_count_as_empty(tmp_path):
    """Everything that was suppressed would come back."""
    with pytest.raises(CaretuneError, match="no such file"):
        suppression.load(tmp_path / "suppressed.jsonl")


def test_people_under_another_key_stop_the_run():
    """Their rows would come back; the right key, no person or no mark does not."""
    mark, person = "d" * 32, Entry("person", PERSON)
    found = suppression.sets([person, Entry("key", mark)])
    suppression.check_key(found, mark)
    suppression.check_key(suppression.sets([person]), OTHER)
    suppression.check_key(suppression.sets([Entry("key", mark)]), OTHER)
    with pytest.raises(CaretuneError, match="another CARETUNE_PERSON_KEY"):
        suppression.check_key(found, OTHER)
