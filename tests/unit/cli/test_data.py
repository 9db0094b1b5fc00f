"""`caretune data`: card, difference and versions of a small project."""

import hashlib
import json
import subprocess
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from caretune import records
from caretune.cli import data, params
from caretune.corpus import versions
from caretune.errors import LineageError
from caretune.records import Conversation, Message

DVC = """stages:
  filters: {cmd: python -m stages.filters --messages data/raw}
  ingest: {cmd: python -m stages.ingest --out data/corpus.jsonl --metrics reports/data/ingest.json}
  split:
    cmd: >-
      python -m stages.split --out data/split --metrics reports/data/split.json
      --leak-proof reports/data/leak_proof.json
  augment: {cmd: python -m stages.augment --metrics reports/data/augment.json}
  safety-label: {cmd: python -m stages.safety_label --metrics reports/data/safety_label.json}
"""
FIGURES = {
    "ingest": {"rows": {"total": 2, "source": {"s": 2}}, "ledger": {"exits": {"duplicate": 3}}},
    "split": {
        "splits": {"train": {"rows": 1}, "test": {"rows": 1}},
        "expert": {"found": {"examples": 0}},
    },
    "augment": {"ratio": 3.4},
    "safety_label": {},
    "leak_proof": {},
}


def row(name, **fields):
    """Build a row."""
    return Conversation(name, "s", "MIT", [Message("user", "hi")], **fields)


def write(root, train, test):
    """Write a corpus and its splits, and commit a dvc.lock that names them in the cache."""
    records.write(root / "data/corpus.jsonl", [row(name) for name in (*train, *test)])
    for split, names in (("train", train), ("test", test)):
        records.write(root / f"data/split/{split}.jsonl", [row(n, split=split) for n in names])
    (root / "data/split/manifest.json").write_text("{}")
    inner = [
        {"md5": keep(root, path.read_bytes()), "relpath": path.name}
        for path in sorted((root / "data/split").iterdir())
    ]
    outs = [
        {"path": "data/corpus.jsonl", "md5": keep(root, (root / "data/corpus.jsonl").read_bytes())},
        {"path": "data/split", "md5": keep(root, json.dumps(inner).encode(), ".dir")},
    ]
    (root / "dvc.lock").write_text(json.dumps({"stages": {"all": {"outs": outs}}}))
    for command in (["add", "dvc.lock"], [*params._AUTHOR, "commit", "-qm", "a run"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def keep(root, content, suffix=""):
    """Put bytes into the cache as DVC does and return their name."""
    md5 = hashlib.md5(content).hexdigest() + suffix
    path = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose second run moved one row, added one and removed one."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "dvc.yaml").write_text(DVC)
    for name, figures in FIGURES.items():
        records.write_json(tmp_path / f"reports/data/{name}.json", figures)
    write(tmp_path, ["a", "b"], ["c"])
    write(tmp_path, ["a", "d"], ["b"])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    """Run the command and return its result."""
    return CliRunner().invoke(data.app, [*words])


def test_diff_tells_programs_in_json(project):
    """Rows by source and by split, against the revision before."""
    found = json.loads(run("diff", "HEAD~1", "--format", "json").output)
    counts = {"before": 3, "after": 3, "added": 1, "removed": 1, "changed": 0, "moved": 1}
    assert found["total"] == found["sources"]["s"] == counts
    assert found["splits"]["train"]["added"] == found["splits"]["test"]["moved"] == 1
    assert found["moves"] == {"train -> test": 1}


def test_diff_tells_people_in_tables(project):
    """One table by source with all of them, one by split, and the moves."""
    output = run("diff", "HEAD~1").output
    for words in ("source", "split", "added", "│ all", "│ train", "train -> test: 1 rows"):
        assert words in output


def test_diff_to_the_same_data_is_empty(project):
    """The last revision is what lies there."""
    total = json.loads(run("diff", "HEAD", "--format", "json").output)["total"]
    assert total == {"before": 3, "after": 3, "added": 0, "removed": 0, "changed": 0, "moved": 0}


def test_a_version_is_recorded_once(project):
    """The figures of the corpus that lies there; a second record of it is refused."""
    result = run("record", "first")
    assert result.exit_code == 0, result.output
    assert "data/versions.jsonl: first, 2 rows" in result.output
    assert isinstance(run("record", "second").exception, LineageError)
    (found,) = versions.read(project / "data/versions.jsonl")
    assert (found.name, found.exits) == ("first", {"ingest": {"duplicate": 3}})


def test_versions_are_listed(project):
    """Name, corpus, rows, splits, exits and ratio; nothing recorded is an empty table."""
    assert run("versions").exit_code == 0
    run("record", "first")
    path = project / "data/versions.jsonl"
    (known,) = versions.read(path)
    bare = {"name": "second", "corpus": "0" * 64, "augmentation_ratio": None}
    records.write(path, [known, {**json.loads(records.encode(known)), **bare}])
    output = run("versions").output
    for words in ("first", "second", known.corpus[:12], "expert 0, test 1, train 1", "3.40"):
        assert words in output


def test_the_card_is_written_from_the_files(project, monkeypatch):
    """Sources in use come from params, rows of raw files from the files."""
    places = {
        "ours": ("data/raw/a.jsonl", None, True),
        "theirs": ("data/external/b.csv", None, True),
        "fetched": ("data/external/c.csv", "https://example.org/c.csv", True),
        "unused": ("data/raw/d.jsonl", None, False),
    }
    sources = {
        name: SimpleNamespace(license="MIT", path=path, url=url, enabled=enabled)
        for name, (path, url, enabled) in places.items()
    }
    loaded = SimpleNamespace(ingest=SimpleNamespace(sources=sources))
    monkeypatch.setattr(data.loader, "load", lambda path: loaded)
    (project / "data/raw").mkdir()
    (project / "data/raw/messages_bias.jsonl").write_text("{}\n{}\n\n")
    result = run("card", "--out", "card.md")
    assert result.exit_code == 0, result.output
    text = (project / "card.md").read_text()
    assert "| messages_bias.jsonl | 2 |" in text
    assert "| ours | ships with the project | MIT |" in text
    assert "| theirs | read in place, not passed on | MIT |" in text
    assert "| fetched | https://example.org/c.csv | MIT |" in text
    assert "unused" not in text
