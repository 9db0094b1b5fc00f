"""`caretune expert`: a folder for reviewers, and an exit code for what comes back."""

import json

import pytest
from typer.testing import CliRunner

from caretune import records
from caretune.cli import expert
from caretune.records import Conversation, ExpertExample, Message

DVC = """stages:
  ingest: {cmd: python -m stages.ingest --suppressed list.jsonl --out data/corpus.jsonl}
  split: {cmd: python -m stages.split --out data/split}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project folder whose expert set has one example."""
    made = ExpertExample("a", "row", "family", [Message("user", "hi")], "hello", "grief", False)
    records.write(tmp_path / "data/split/expert.jsonl", [made])
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "list.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_build_takes_the_split_of_dvc_yaml(project):
    """Without --examples the set of the split stage is copied."""
    result = CliRunner().invoke(expert.app, ["build", "out"])
    assert result.exit_code == 0, result.output
    assert "out: 1 examples, sha256 " in result.output
    assert sorted(path.name for path in (project / "out").iterdir()) == [
        "README.md",
        "expert.jsonl",
        "manifest.json",
    ]


def test_a_good_folder_exits_with_0(project):
    """No fault, and how many are scored."""
    CliRunner().invoke(expert.app, ["build", "out"])
    result = CliRunner().invoke(expert.app, ["check", "out"])
    assert (result.exit_code, result.output) == (0, "out: no fault, 0 examples are scored\n")


def test_a_fault_exits_with_1(project):
    """Every fault is a line, and none of them quotes the text."""
    CliRunner().invoke(expert.app, ["build", "out", "--examples", "data/split/expert.jsonl"])
    path = project / "out/expert.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text()), "reply": "secret"}))
    result = CliRunner().invoke(expert.app, ["check", "out"])
    assert result.exit_code == 1
    assert "out/expert.jsonl line 1: altered since it was handed out at $.reply" in result.output
    assert "out: faults found: 1" in result.output
    assert "secret" not in result.output


def test_a_forgotten_conversation_is_not_handed_out(project):
    """The corpus tells of which source an example is; no folder is made."""
    said = Conversation("row", "s", "MIT", [Message("user", "hi")])
    records.write(project / "data/corpus.jsonl", [said])
    (project / "list.jsonl").write_text('{"kind":"source","key":"s"}\n')
    result = CliRunner().invoke(expert.app, ["build", "out"])
    assert "1 rows are covered by list.jsonl" in str(result.exception)
    assert not (project / "out").exists()
