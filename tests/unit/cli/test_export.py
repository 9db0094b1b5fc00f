"""`caretune export`: which rows, which format, and no file written over."""

import json

import pytest
import typer
from typer.testing import CliRunner

from caretune import records
from caretune.cli import export
from caretune.errors import CaretuneError
from caretune.records import Conversation, Message

DVC = """stages:
  ingest: {cmd: python -m stages.ingest --suppressed list.jsonl --out data/corpus.jsonl}
  split: {cmd: python -m stages.split --out data/split}
  safety-label: {cmd: python -m stages.safety_label --out data/labelled}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder with one row in each split, and a child among the labelled."""
    for folder, names in (("split", ["row"]), ("labelled", ["row", "child"])):
        for split in ("train", "validation", "test"):
            rows = [
                Conversation(f"{split} {name}", "s", "MIT", [Message("user", "hi")], split=split)
                for name in names
            ]
            records.write(tmp_path / "data" / folder / f"{split}.jsonl", rows)
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "list.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def app():
    """The command alone."""
    made = typer.Typer()
    made.command()(export.export)
    return made


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ([], ["train row", "validation row", "test row"]),
        (["--split", "test", "--split", "train"], ["train row", "test row"]),
        (["--labelled", "--split", "train"], ["train row", "train child"]),
    ],
)
def test_rows_are_those_of_the_splits_asked_for(project, app, options, ids):
    """All splits by default, in their order; labelled rows hold the children."""
    result = CliRunner().invoke(app, ["out.jsonl", *options])
    assert result.exit_code == 0, result.output
    lines = (project / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ids
    assert f"s: {len(ids)} rows under MIT: attribution." in result.output


def test_a_file_that_exists_needs_force(project, app):
    """The second run refuses; with --force it writes."""
    assert CliRunner().invoke(app, ["out", "--format", "csv"]).exit_code == 0
    refused = CliRunner().invoke(app, ["out", "--format", "csv"])
    assert isinstance(refused.exception, CaretuneError)
    assert CliRunner().invoke(app, ["out", "--format", "parquet", "--force"]).exit_code == 0


@pytest.mark.parametrize(
    "entry", ['{"kind":"row","key":"%s"}' % ("a" * 32), '{"kind":"source","key":"s"}']
)
def test_a_forgotten_row_is_not_exported(project, app, entry):
    """Between `forget` and `dvc repro` nothing is written, nor a child of what is forgotten."""
    child = Conversation("c", "augment", "MIT", [Message("user", "hi")], parent="a" * 32)
    records.write(project / "data/labelled/train.jsonl", [child])
    parent = Conversation("a" * 32, "s", "MIT", [Message("user", "hi")])
    records.write(project / "data/corpus.jsonl", [parent])
    options = ["out.jsonl", "--labelled", "--split", "train"]
    assert CliRunner().invoke(app, [*options, "--force"]).exit_code == 0
    (project / "list.jsonl").write_text(f"{entry}\n")
    (project / "out.jsonl").unlink()
    error = CliRunner().invoke(app, [*options, "--force"]).exception
    assert isinstance(error, CaretuneError)
    assert "1 rows are covered by list.jsonl, so nothing is written. Run `dvc repro`" in str(error)
    assert not (project / "out.jsonl").exists()
