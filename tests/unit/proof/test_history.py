"""caretune.proof.history: lock files in git, bytes in DVC's cache."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caretune.errors import LineageError
from caretune.proof import history
from tests.fixtures import forgetting

ALL = ("taught", "train", "validation", "test")


@pytest.fixture
def made(tmp_path):
    """A project after two runs, the first with a tag and an experiment."""
    found = forgetting.project(tmp_path)
    forgetting.run(found, ALL)
    found.git("tag", "v1")
    found.git("update-ref", "refs/exps/aa/bb/tried", "HEAD")
    forgetting.run(found, ("taught", "train"))
    return found


def test_every_run_that_git_remembers_is_found_with_its_names(made):
    """The newest first; a run is one lock file, whatever else was committed."""
    (made.root / "note").touch()
    made.git("add", "note")
    made.git("commit", "-q", "-m", "nothing ran")
    new, old = history.runs(made.root, "dvc.lock")
    assert new.names == ("refs/heads/main",)
    assert old.names == ("refs/exps/aa/bb/tried", "refs/tags/v1")
    assert old.commits == (made.git("rev-parse", "v1").strip(),)
    assert new.outs["data/corpus.jsonl"] != old.outs["data/corpus.jsonl"]


def test_a_lock_file_that_went_away_is_still_remembered(made):
    """Deleted in the last commit, and on a branch that is merged."""
    made.git("checkout", "-q", "-b", "side", "v1")
    forgetting.run(made, ("test", "validation"))
    made.git("checkout", "-q", "main")
    made.git("merge", "-q", "-s", "ours", "side")
    made.git("branch", "-q", "-D", "side")
    made.git("rm", "-q", "dvc.lock")
    made.git("commit", "-q", "-m", "gone")
    assert len(history.runs(made.root, "dvc.lock")) == 3


def test_the_bytes_of_an_old_run_come_from_the_cache(made):
    """A file by itself, and one in a folder."""
    _, old = history.runs(made.root, "dvc.lock")
    cache = history.cache_of(made.root)
    for path in ("data/corpus.jsonl", "data/split/test.jsonl"):
        found = history.find(old, cache, path, made.root)
        assert made.row("test").encode() in found.read_bytes()
    assert history.find(old, cache, "data/split/none.jsonl", made.root) is None
    assert history.find(old, cache, "data/none", made.root) is None


def test_without_a_cache_only_the_very_bytes_of_the_tree_count(made):
    """The present run's file is found, the old one's is not."""
    shutil.rmtree(made.root / ".dvc/cache")
    new, old = history.runs(made.root, "dvc.lock")
    cache = history.cache_of(made.root)
    path = "data/corpus.jsonl"
    assert history.find(new, cache, path, made.root) == made.root / path
    assert history.find(old, cache, path, made.root) is None
    inner = "data/split/train.jsonl"
    assert history.find(new, cache, inner, made.root) == made.root / inner
    (made.root / "data/split/test.jsonl").write_text("{}\n")
    assert history.find(new, cache, inner, made.root) is None
    (made.root / path).unlink()
    assert history.find(new, cache, path, made.root) is None


def test_stages_that_read_or_wrote_other_bytes_are_named(made):
    """One altered, one gone; before that all agree."""
    present = history.present(made.root / "dvc.lock")
    assert history.out_of_date(present, made.root) == []
    (made.root / "data/split/test.jsonl").write_text("{}\n")
    (made.root / "models/base/weights.json").unlink()
    (made.root / "models/base").rmdir()
    assert history.out_of_date(present, made.root) == [
        "the stage base read or wrote other bytes of models/base",
        "the stage release read or wrote other bytes of models/base",
        "the stage safety-label read or wrote other bytes of data/split",
        "the stage split read or wrote other bytes of data/split",
        "the stage train@lora read or wrote other bytes of models/base",
        "the stage train@moe_lora read or wrote other bytes of models/base",
    ]
    shutil.rmtree(made.root / "data")
    found = history.out_of_date(present, made.root)
    shown = "data/raw/dialogues.jsonl, data/raw/chat.jsonl, data/suppressed.jsonl and 2 more"
    assert f"the stage ingest read or wrote other bytes of {shown}" in found


def test_a_folder_is_named_as_dvc_names_it(tmp_path):
    """Measured with the installed dvc: nested files, and what this project's .dvcignore leaves out."""
    folder = tmp_path / "folder"
    for name in ("b.txt", "a/z.txt", "a-b.txt", "__pycache__/x.pyc", "a/.gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / ".dvcignore").write_text("__pycache__\n*.pyc\n.gitignore\n")
    dvc = Path(sys.executable).with_name("dvc")
    for command in (("init", "--no-scm", "-q", "-f"), ("add", "-q", "folder")):
        subprocess.run([dvc, *command], cwd=tmp_path, check=True, capture_output=True)
    assert f"md5: {history.md5_of(folder)}" in (tmp_path / "folder.dvc").read_text()


def test_settings_tell_cache_and_remotes(tmp_path):
    """Relative folders are relative to .dvc; the local settings win."""
    (tmp_path / ".dvc").mkdir()
    assert history.cache_of(tmp_path).folder == tmp_path / ".dvc/cache"
    (tmp_path / ".dvc/config").write_text(
        "[core]\n    remote = near\n['remote \"near\"']\n    url = ../../near\n"
        "    jobs = 2\n['remote \"far\"']\n    url = https://example.invalid/100%\n"
        "['remote \"none\"']\n    jobs = 1\n"
    )
    (tmp_path / ".dvc/config.local").write_text("[cache]\n    dir = /elsewhere\n")
    assert history.cache_of(tmp_path).folder == Path("/elsewhere")
    assert history.remotes(tmp_path) == {
        "far": "https://example.invalid/100%",
        "near": str(tmp_path.parent / "near"),
    }


@pytest.mark.parametrize("text", ["", "stages: [", "schema: 2"])
def test_a_lock_file_of_another_form_is_named(tmp_path, text):
    """The sentence tells what to do."""
    (tmp_path / "dvc.lock").write_text(text)
    with pytest.raises(LineageError, match=r"dvc.lock: not a lock file of DVC. Restore it"):
        history.present(tmp_path / "dvc.lock")


def test_no_lock_file_is_said(tmp_path):
    """Nothing was ever made."""
    with pytest.raises(LineageError, match=r"dvc.lock: no such file, so nothing was ever made"):
        history.present(tmp_path / "dvc.lock")


def test_what_git_says_when_it_fails_is_told(tmp_path):
    """Its last line, without a traceback."""
    with pytest.raises(LineageError, match="git log: fatal: not a git repository"):
        history.runs(tmp_path, "dvc.lock")
