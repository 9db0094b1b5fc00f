"""Exports: chat rows with what their user must know, in three formats, byte for byte the same."""

import csv
import json

import pytest
from pyarrow import parquet

from caretune.corpus import export
from caretune.errors import CaretuneError, RecordError
from caretune.lineage import digest
from caretune.records import Conversation, Crisis, FilterLabels, Gold, Message, Operation

ODD = 'e\u0301 \u2028 \U0001f9e1 , "quoted"\nsecond line'
LABELS = FilterLabels(Crisis(severity="low"), [], toxic=False, inappropriate=[], pii={}, digest="d")


def row(number, **fields):
    """Build a row of a split."""
    words = [Message("user", ODD), Message("assistant", f"reply {number}", strategy="reflection")]
    values = {"source": "dialogues", "license": "CC-BY-4.0", "split": "train", "family": "f"}
    return Conversation(id=f"{number:032x}", messages=words, **(values | fields))


ROWS = [
    row(1, gold=Gold(Crisis(severity="high")), filter=LABELS, domain="crisis_safety"),
    row(2, filter=LABELS, parent="p", operation=Operation("paraphrase", 1, 7, [])),
    row(3, source="counsel_chat", license="MIT", split="test", category="grief", difficulty="hard"),
]


def write(tmp_path, kind, rows=ROWS, name="out", force=False):
    """Export rows and return the file."""
    export.write(tmp_path / name, iter(rows), kind=kind, force=force)
    return tmp_path / name


def read(path, kind):
    """Read an export back as dicts, with the public reader of its format."""
    if kind == "jsonl":
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    if kind == "parquet":
        return parquet.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        found = [{k: v or None for k, v in line.items()} for line in csv.DictReader(file)]
    return [line | {"messages": json.loads(line["messages"])} for line in found]


@pytest.mark.parametrize("kind", export.FORMATS)
def test_every_format_holds_the_same_rows(tmp_path, kind):
    """Messages hold role and content alone; every column of metadata stands beside them."""
    assert read(write(tmp_path, kind), kind)[1] == {
        "id": f"{2:032x}",
        "messages": [
            {"role": "user", "content": ODD},
            {"role": "assistant", "content": "reply 2"},
        ],
        "source": "dialogues",
        "license": "CC-BY-4.0",
        "split": "train",
        "family": "f",
        "domain": None,
        "category": None,
        "difficulty": None,
        "severity": "low",
        "severity_from": "filter",
        "parent": "p",
        "strategy": "paraphrase",
    }


@pytest.mark.parametrize("kind", export.FORMATS)
def test_equal_rows_give_equal_bytes(tmp_path, kind):
    """Written twice, an export is the same file and has the same manifest but for its name."""
    first, second = (write(tmp_path / name, kind, name="out") for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    manifests = [export.manifest_path(path).read_bytes() for path in (first, second)]
    assert manifests[0] == manifests[1]


def test_severity_says_where_it_is_from():
    """Gold goes before the filter's; without either there is none."""
    found = [(made.severity, made.severity_from) for made in map(export.exported, ROWS)]
    assert found == [("high", "gold"), ("low", "filter"), (None, None)]


def test_the_manifest_describes_the_file(tmp_path):
    """Rows, bytes, sha256, splits, licences, and a line for each source and licence."""
    path = write(tmp_path, "jsonl")
    assert json.loads(export.manifest_path(path).read_bytes()) == {
        "file": "out",
        "format": "jsonl",
        "rows": 3,
        "bytes": path.stat().st_size,
        "sha256": digest.sha256_file(path),
        "splits": {"train": 2, "test": 1},
        "licenses": {"CC-BY-4.0": 2, "MIT": 1},
        "attribution": [
            "counsel_chat: 1 rows under MIT: attribution.",
            "dialogues: 2 rows under CC-BY-4.0: attribution.",
        ],
    }


def test_parquet_is_written_in_groups(tmp_path):
    """Memory holds one group of rows, and no row is lost between groups."""
    rows = [row(number) for number in range(export._GROUP_ROWS + 1)]
    file = parquet.ParquetFile(write(tmp_path, "parquet", rows))
    assert file.num_row_groups == 2
    assert file.metadata.num_rows == len(rows)


def test_a_file_that_exists_stays(tmp_path):
    """Without force nothing is written over, neither the file nor its manifest."""
    path = write(tmp_path, "jsonl")
    before = path.read_bytes()
    with pytest.raises(CaretuneError, match=r"out: exists\. Name a new file, or pass --force"):
        write(tmp_path, "csv")
    assert path.read_bytes() == before
    assert read(write(tmp_path, "csv", ROWS[:1], force=True), "csv")[0]["id"] == ROWS[0].id


def test_a_fault_halfway_leaves_nothing_behind(tmp_path):
    """A bad row stops the export, and no part of a file appears."""

    def broken():
        yield ROWS[0]
        raise RecordError("train.jsonl", 2, "a fault")

    with pytest.raises(RecordError):
        write(tmp_path / "new", "csv", broken())
    assert list((tmp_path / "new").iterdir()) == []


def test_an_export_of_nothing_is_refused(tmp_path):
    """No row is no export."""
    with pytest.raises(CaretuneError, match="no row to export"):
        write(tmp_path, "parquet", [])


def test_a_folder_is_no_file(tmp_path):
    """The name of a folder is refused, with force too."""
    with pytest.raises(CaretuneError, match=r"is a folder\. Name the file"):
        write(tmp_path, "jsonl", name=".", force=True)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("CC0-1.0", "s: 1 rows under CC0-1.0."),
        ("CC-BY-SA-4.0", "s: 1 rows under CC-BY-SA-4.0: attribution, share-alike."),
        (
            "unheard-of",
            "s: 1 rows under unheard-of: no research use, no commercial use, no redistribution use.",
        ),
    ],
)
def test_the_line_says_what_the_licence_asks_for(tmp_path, name, line):
    """Duties by the table of licences; one that is not in the table allows nothing."""
    made = export.write(
        tmp_path / "o", [row(1, source="s", license=name)], kind="jsonl", force=True
    )
    assert made.attribution == [line]


def test_the_folder_where_one_stands_is_no_file():
    """It has no name, and the sentence is the same."""
    with pytest.raises(CaretuneError, match=r"is a folder\. Name the file"):
        export.write(export.Path(), iter(ROWS), kind="jsonl", force=False)
