"""`caretune trace`: names of every kind, as a tree and as JSON; proofs that the check accepts."""

import json

import pytest
import typer
from typer.testing import CliRunner

from caretune.cli import layout, trace, verify
from caretune.errors import LineageError
from caretune.lineage import digest, ledger
from caretune.params import loader
from caretune.proof.stages import Step
from tests.fixtures import project as fixture


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A whole project."""
    return fixture.build(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def call(project, monkeypatch):
    """Give a function that calls both commands as a user does in that project."""
    monkeypatch.setattr(trace.projects, "read", lambda *_: project)
    monkeypatch.setattr(loader, "load", lambda _: None)
    monkeypatch.setattr(layout, "path", lambda *_: project.release)
    steps = [Step("split", [], [str(project.pipeline["split"])])]
    monkeypatch.setattr(layout, "steps", lambda: steps)
    app = typer.Typer()
    app.command("trace")(trace.trace)
    app.command("verify")(verify.verify)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


def test_a_row_is_a_tree(call, project):
    """A raw line leads to its row, its split and the release."""
    output = call("trace", "dialogues:1").output
    assert "raw line dialogues:1" in output
    assert "└── " in output
    assert digest.sha256_file(project.release / "manifest.json") in output


def test_a_row_is_json(call):
    """The same tree for programs: what, name, note, to."""
    found = json.loads(call("trace", "dialogues:1", "--format", "json").stdout)
    assert (found["what"], found["name"]) == ("trace", "dialogues:1")
    assert found["to"][0]["what"] == "raw line"


@pytest.mark.parametrize("form", ["folder", "manifest", "digest", "digits"])
def test_a_release_has_several_names(call, project, form):
    """Its folder, its manifest, the manifest's sha256 or the first digits of it."""
    path = project.release / "manifest.json"
    sha256 = digest.sha256_file(path)
    names = {"folder": project.release, "manifest": path, "digest": sha256, "digits": sha256[:8]}
    assert call("trace", names[form]).output.startswith(f"release {sha256}")


def test_rows_of_a_file_are_few_or_all(call, project):
    """Three a source by default, every one with --rows."""
    path = project.pipeline["split"] / "train.jsonl"
    few, every = call("trace", path).output, call("trace", path, "--rows").output
    assert few.count("row ") < every.count("row ")
    assert len(path.read_bytes().splitlines()) == sum(
        line.lstrip("│├└─ ").startswith("row ") for line in every.splitlines()
    )


def test_without_a_release_a_row_is_traced_all_the_same(call, project, tmp_path, monkeypatch):
    """The tree ends where nothing more is there."""
    bare = project._replace(release=tmp_path / "none")
    monkeypatch.setattr(trace.projects, "read", lambda *_: bare)
    assert "no release is here" in call("trace", "dialogues:1").output


def test_an_unknown_name_is_refused(call):
    """One sentence, and no tree."""
    result = call("trace", "nobody")
    assert isinstance(result.exception, LineageError)
    assert str(result.exception).startswith("nobody: no row, raw line, file or release")


def test_a_proof_is_accepted_by_the_check(call, project, tmp_path):
    """Ingest, split and safety-label of a row: one line each, under 1 KB, held by the manifest."""
    row = next(e.to for e in ledger.read(project.ledger("ingest")) if e.source == "dialogues:1")
    result = call("trace", row, "--proof")
    lines = result.stdout.splitlines()
    assert 2 <= len(lines) <= 3
    assert all(len(line.encode()) < 1000 for line in lines)
    path = tmp_path / "proofs"
    path.write_text(result.stdout)
    checked = call("verify", "--proof", path)
    assert checked.exit_code == 0
    assert f"{len(lines)} proved to be in the ledgers of" in checked.output


def test_an_altered_proof_is_refused_by_the_check(call, project, tmp_path):
    """Another row under the same path."""
    path = tmp_path / "proofs"
    path.write_text(call("trace", "dialogues:1", "--proof").stdout.replace(":1", ":2"))
    result = call("verify", "--proof", path)
    assert isinstance(result.exception, LineageError)
    assert "is not in the ingest ledger" in str(result.exception)


@pytest.mark.parametrize("name", ["", " ", "."])
def test_no_name_is_refused(call, name):
    """Neither nothing nor the root is a file."""
    result = call("trace", name)
    assert isinstance(result.exception, LineageError)
    assert str(result.exception).startswith("nothing is named. Give a row's id")


def test_an_absolute_path_is_that_of_the_map(tmp_path, monkeypatch):
    """A path below the root is made relative to it; another one stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert trace._from_root(str(tmp_path / "file")) == "file"
    assert trace._from_root("./file") == "file"
    assert trace._from_root("/") == "/"
    assert trace._from_root("dialogues:1") == "dialogues:1"
