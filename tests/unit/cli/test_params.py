"""`caretune params`: faults are listed, profiles go into a clone."""

import subprocess

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from caretune.cli import params
from caretune.errors import ParamsError
from caretune.params import loader
from tests.house.closure import ROOT


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A git repository with the shipped params.yaml and one profile."""
    folder = tmp_path / "project"
    (folder / "profiles").mkdir(parents=True)
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (folder / "profiles/tiny.yaml").write_text("train:\n  steps: 30\n  moe_lora:\n    rank: 2\n")
    for command in (["init", "-q"], ["add", "."], [*params._AUTHOR, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    return folder


def test_check_counts_the_good_sections(project):
    """No fault: the number of sections, exit code 0."""
    result = CliRunner().invoke(params.app, ["check"])
    assert result.exit_code == 0
    assert "params.yaml: 12 sections, no fault" in result.output


def test_merge_writes_the_values_into_the_clone_alone(project, tmp_path):
    """The clone has the profile's values committed; the checkout's file is untouched."""
    before = (project / "params.yaml").read_bytes()
    result = CliRunner().invoke(params.app, ["merge", "profiles/tiny.yaml", str(tmp_path / "c")])
    assert result.exit_code == 0, result.output
    merged = loader.load(tmp_path / "c/params.yaml")
    assert (merged.train.steps, merged.train.moe_lora.rank) == (30, 2)
    assert (project / "params.yaml").read_bytes() == before
    status = ["git", "-C", str(tmp_path / "c"), "status", "--porcelain"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == ""


def test_merge_refuses_an_unknown_key(project, tmp_path):
    """A typo in a profile is a fault like any other."""
    (project / "profiles/tiny.yaml").write_text("train:\n  stepz: 3\n")
    result = CliRunner().invoke(params.app, ["merge", "profiles/tiny.yaml", str(tmp_path / "c")])
    assert isinstance(result.exception, ParamsError)
    assert "train.stepz: unknown key" in str(result.exception)


def test_merge_refuses_a_folder_with_files(project, tmp_path):
    """Nothing of the user's is overwritten."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    result = CliRunner().invoke(params.app, ["merge", "profiles/tiny.yaml", str(tmp_path / "full")])
    assert "the folder is not empty" in str(result.exception)


def test_merging_keeps_comments_and_other_values(project):
    """Only what the overlay names changes."""
    text = params.merged(project / "params.yaml", {"train": {"steps": 5}})
    assert "# Every number worth changing." in text
    old = YAML(typ="safe", pure=True).load(project / "params.yaml")
    old["train"]["steps"] = 5
    assert YAML(typ="safe", pure=True).load(text) == old
