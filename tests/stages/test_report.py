"""The `report` stage: each notebook becomes one page, the same bytes from run to run."""

import re
import shutil
from pathlib import Path

import msgspec
import nbformat
import pytest

from caretune import records
from caretune.corpus import versions
from caretune.errors import CaretuneError
from stages import report
from tests.fixtures import data_figures, reports
from tests.house.closure import ROOT

NAMES = ("data", "filters", "training", "evaluation")
STAGES = ("ingest", "split", "augment", "safety_label")
_SHA = "ab" * 32


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project root with params, notebooks and the inputs of all reports."""
    reports.write(tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name):
    """Run the stage for one notebook, as dvc.yaml does, and return its page."""
    folders = {folder: Path(folder) for folder in ("reports", "data", "models")}
    report.main(notebook=Path(f"notebooks/{name}.py"), out=Path(f"reports/{name}"), **folders)
    return Path(f"reports/{name}.html").read_text()


def test_evaluation_page_shows_verdict_rules_samples_and_digests(project):
    """The page and the notebook beside it are written; the code is in the notebook alone."""
    page = run("evaluation")
    assert "Pass at level rehearsal" in page
    assert "NLL below base" in page
    assert "Better" in page
    assert "a reply of moe_lora" in page
    assert "assistant 0, turn 3" in page
    assert "ab" * 32 in page
    assert "records.read_json" not in page
    book = nbformat.read(project / "reports/evaluation.ipynb", as_version=4)
    assert any("records.read_json" in cell.source for cell in book.cells)
    assert str(project) not in page + (project / "reports/evaluation.ipynb").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_page_stands_alone_and_has_equal_bytes(project, name):
    """Two runs, equal sha256; nothing is fetched; the pages are linked, and the data card."""
    written = [project / f"reports/{name}{suffix}" for suffix in (".html", ".ipynb")]
    made = []
    for _ in range(2):
        page = run(name)
        made.append([path.read_bytes() for path in written])
    assert made[0] == made[1]
    assert "<script" not in page
    assert "http" not in page
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", page)
    targets = set(re.findall(r'(?:href|src)="([^"#]+)"', page))
    card = {"../docs/data-card.md"} if name == "data" else set()
    assert targets == {f"{other}.html" for other in NAMES} | card


@pytest.mark.slow
def test_data_page_tells_where_the_rows_come_from_and_that_conservation_holds(project):
    """Sources with their licence, a trend once versions are recorded, redaction that is off."""
    ingest = data_figures.ingest() | {"pii": None}
    records.write_json(project / "reports/data/ingest.json", ingest)
    page = run("data")
    assert "9 read → 8 kept" in page
    assert "CC-BY-4.0; " in page
    assert "No version is recorded yet" in page
    assert "redaction is switched off in params" in page
    assert "Crisis conservation holds" in page
    figures = {name: records.read_json(project / f"reports/data/{name}.json") for name in STAGES}
    first = versions.describe("first", _SHA, figures)
    first = msgspec.structs.replace(first, sources={"dialogues": 3})
    versions.append(project / "data/versions.jsonl", first)
    page = run("data")
    assert ">first<" in page
    assert ">this run<" in page


@pytest.mark.slow
def test_missing_input_is_named(project):
    """A stage that did not run is one sentence, not a page with holes."""
    (project / "reports/gate/verdict.json").unlink()
    with pytest.raises(CaretuneError, match=r"reports/gate/verdict\.json: no such file"):
        run("evaluation")
    assert not (project / "reports/evaluation.html").exists()
