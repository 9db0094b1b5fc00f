"""`caretune verify`: a report for people and for programs, and an exit code."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from caretune.cli import project as projects
from caretune.cli import verify
from caretune.params import loader
from tests.fixtures import project as fixture

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path):
    """A whole project of the test's own."""
    return fixture.build(tmp_path / "project")


@pytest.fixture
def call(project, monkeypatch):
    """Give a function that calls the command as a user does in that project."""
    monkeypatch.setattr(verify.projects, "read", lambda *_: project)
    monkeypatch.setattr(loader, "load", lambda _: None)
    listed = project.raw.parent / "suppressed.jsonl"
    listed.write_text("")
    monkeypatch.setattr(verify.layout, "path", lambda *_: listed)
    app = typer.Typer()
    app.command()(verify.verify)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_whole_release_exits_with_0(call):
    """What was looked at is counted in one line."""
    result = call()
    assert result.exit_code == 0
    assert "all is as recorded: 37 files, 0 cache objects, " in result.output
    assert " and 42 raw rows in " in result.output


def test_faults_exit_with_1_and_a_line_each(call, project):
    """File, problem, rows."""
    path = project.pipeline["labelled"] / "train.jsonl"
    path.write_bytes(path.read_bytes().replace(b"CC-BY-4.0", b"CC-BY-9.0"))
    (project.release / "MODEL_CARD.md").unlink()
    result = call()
    assert result.exit_code == 1
    assert f"{project.release}/MODEL_CARD.md: is missing" in result.output
    assert f"{path}: rows that differ from their copies in other files: " in result.output
    assert " and 2" in result.output  # of some thirty rows the first ten are named
    assert "2 places are wrong: 36 files" in result.output


def test_the_report_is_json_with_every_row(call, project):
    """For programs nothing is shortened."""
    path = project.pipeline["labelled"] / "train.jsonl"
    path.write_bytes(path.read_bytes().replace(b"CC-BY-4.0", b"CC-BY-9.0"))
    result = call("--format", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    rows = next(fault["rows"] for fault in found["faults"] if fault["rows"])
    assert len(rows) == len(path.read_bytes().splitlines())


def test_another_release_can_be_named(call, project, tmp_path):
    """A folder elsewhere is held against the files here."""
    moved = shutil.copytree(project.release, tmp_path / "elsewhere")
    (moved / "MODEL_CARD.md").unlink()
    assert "elsewhere/MODEL_CARD.md: is missing" in call(moved).output


def test_families_are_searched_on_demand(call, project, monkeypatch):
    """The search gets the corpus, and its families are compared."""
    asked = []

    def search(corpus):
        asked.append(corpus)
        return {"0": "1"}

    monkeypatch.setattr(verify, "_search", lambda _: search)
    assert call("--families").exit_code == 0
    assert asked == [project.pipeline["corpus"]]


def test_the_search_is_that_of_the_split(project):
    """With the permutations, the band and the label of params: the families of the stage."""
    from caretune.corpus import families
    from caretune.corpus.rows import Rows

    p = loader.load(ROOT / "params.yaml")
    corpus = project.pipeline["corpus"]
    how = families.Search(p.split.permutations, p.split.band, f"families {p.split.seed}")
    least = p.split.near_duplicate_similarity
    assert verify._search(p)(corpus) == families.assign(Rows([corpus]), least=least, search=how)


def test_the_project_is_read_from_its_map_and_params(tmp_path):
    """Paths from dvc.yaml, sources and the cut from params; no cache where there is none."""
    places = " ".join(f"--{name} x/{name}" for name in projects._PIPELINE)
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  release:\n    cmd: python -m stages.release --raw data/raw "
        f"{places} --source caretune --source stages --lock lock --out models/release\n"
    )
    params = loader.load(ROOT / "params.yaml")
    found = projects.read(params, Path("params.yaml"), tmp_path)
    assert found.release == tmp_path / "models/release"
    assert found.code == [tmp_path / "caretune", tmp_path / "stages"]
    assert found.pipeline["adapters"] == tmp_path / "x/adapters"
    assert found.cut.train_rate == params.split.train_rate
    assert [source.name for source in found.sources] == sorted(
        name for name, source in params.ingest.sources.items() if source.enabled
    )
    assert found.cache is None
    (tmp_path / ".dvc/cache").mkdir(parents=True)
    assert projects.read(params, Path("params.yaml"), tmp_path).cache == tmp_path / ".dvc/cache"
