"""The difference between two versions of the corpus, counted by source and by split."""

import msgspec
import pytest

from caretune import records
from caretune.corpus import diff
from caretune.corpus.diff import Counts
from caretune.errors import LineageError, RecordError
from caretune.records import Conversation, ExpertExample, Message

SPLITS = ("train", "validation", "test")


def row(name, source="a", **fields):
    """Build a row."""
    return Conversation(name, source, "MIT", [Message("user", "hi")], **fields)


def files(folder, corpus, **splits):
    """Write a version: rows, and the ids of each split; `expert` names conversations."""
    records.write(folder / "corpus.jsonl", corpus)
    for name in (*SPLITS, "expert"):
        ids = splits.get(name, "")
        kept = (
            [ExpertExample(f"example {i}", i, i, [], "r", "s", False) for i in ids]
            if name == "expert"
            else [row(i, split=name, family=i) for i in ids]
        )
        records.write(folder / "split" / f"{name}.jsonl", kept)
    places = {name: folder / "split" / f"{name}.jsonl" for name in (*SPLITS, "expert")}
    return diff.Files(folder / "corpus.jsonl", places)


@pytest.fixture
def before(tmp_path):
    """Six rows of two sources, one of them an expert example, one left with its family."""
    corpus = [*map(row, "abcd"), row("e", "b"), row("f", "b")]
    return files(tmp_path / "old", corpus, train="abc", test="d", expert="e")


def test_equal_versions_have_no_difference(before):
    """Nothing is added, removed, changed or moved."""
    found = diff.compare(before, before)
    assert found.total == Counts(before=6, after=6)
    assert found.sources == {"a": Counts(before=4, after=4), "b": Counts(before=2, after=2)}
    assert found.splits == {
        "train": Counts(before=3, after=3),
        "test": Counts(before=1, after=1),
        "expert": Counts(before=1, after=1),
        "no split": Counts(before=1, after=1),
    }
    assert found.moves == {}


def test_rows_are_counted_where_they_belong(before, tmp_path):
    """Added, changed and moved rows count in their new split, removed ones in their old."""
    corpus = [row("b"), row("c", domain="grief"), row("d"), row("e", "b"), row("f", "b")]
    corpus += [row("g", "new")]
    after = files(tmp_path / "new", corpus, train="bcg", validation="d", expert="e")
    found = diff.compare(before, after)
    assert found.total == Counts(before=6, after=6, added=1, removed=1, changed=1, moved=1)
    assert found.sources["a"] == Counts(before=4, after=3, removed=1, changed=1, moved=1)
    assert found.sources["new"] == Counts(after=1, added=1)
    assert found.splits["train"] == Counts(before=3, after=3, added=1, removed=1, changed=1)
    assert found.splits["validation"] == Counts(after=1, moved=1)
    assert found.moves == {"test -> validation": 1}


def test_the_order_of_rows_does_not_matter(before, tmp_path):
    """A version sorted otherwise is the same version."""
    corpus = [row("f", "b"), row("e", "b"), *map(row, "dcba")]
    after = files(tmp_path / "new", corpus, train="cba", test="d", expert="e")
    assert diff.compare(before, after).total == Counts(before=6, after=6)


def test_a_field_that_a_newer_schema_adds_as_null_is_no_change(before, tmp_path):
    """Lines without the key and lines with null say the same."""
    after = files(tmp_path / "new", [], train="abc", test="d", expert="e")
    lines = [
        records.encode({k: v for k, v in msgspec.to_builtins(made).items() if v is not None})
        for made in [*map(row, "abcd"), row("e", "b"), row("f", "b")]
    ]
    after.corpus.write_bytes(b"\n".join(lines) + b"\n")
    assert diff.compare(before, after).total.changed == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "secret"}', r"corpus\.jsonl line 7: Object missing required field `source`"),
        ("{secret", r"corpus\.jsonl line 7: not JSON in UTF-8 at \$"),
    ],
)
def test_a_bad_line_is_named_without_its_words(before, line, words):
    """File and line, and nothing of what stands there."""
    with before.corpus.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(RecordError, match=words) as caught:
        diff.compare(before, before)
    assert "secret" not in str(caught.value)


def test_an_id_that_stands_there_twice_is_refused(before):
    """Counts would lie."""
    before.corpus.write_bytes(before.corpus.read_bytes() * 2)
    with pytest.raises(LineageError, match="6 ids stand there twice"):
        diff.compare(before, before)


def test_a_missing_file_is_said(before, tmp_path):
    """With what to do about it."""
    with pytest.raises(LineageError, match="Run `dvc repro` or `dvc checkout`"):
        diff.compare(before, before._replace(corpus=tmp_path / "none.jsonl"))
