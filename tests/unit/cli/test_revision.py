"""Data as a git revision had it, out of DVC's cache."""

import hashlib
import json
import subprocess

import pytest

from caretune.cli import params, revision
from caretune.errors import LineageError


def keep(root, data, suffix="", cache=".dvc/cache"):
    """Put bytes into the cache as DVC does and return their name."""
    md5 = hashlib.md5(data).hexdigest() + suffix
    path = root / cache / "files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5


def commit(root, **outs):
    """Commit a dvc.lock with these outputs (path with / as __)."""
    listed = [{"path": path.replace("__", "/"), "md5": md5} for path, md5 in outs.items()]
    lock = {"schema": "2.0", "stages": {"plain": {}, "ingest": {"outs": listed}}}
    (root / "dvc.lock").write_text(json.dumps(lock))
    for command in (["add", "dvc.lock"], [*params._AUTHOR, "commit", "-qm", "a run"]):
        subprocess.run(["git", *command], cwd=root, check=True)


@pytest.fixture
def project(tmp_path):
    """A git repository."""
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_file_is_found_as_it_was(project):
    """The commit before shows the bytes of then."""
    commit(project, corpus=keep(project, b"old"))
    commit(project, corpus=keep(project, b"new"))
    assert revision.files("HEAD~1", revision.Path("corpus"), project)[""].read_bytes() == b"old"
    assert revision.files("HEAD", revision.Path("corpus"), project)[""].read_bytes() == b"new"


def test_a_folder_is_its_files(project):
    """A folder's list in the cache names each of its files."""
    inner = [{"md5": keep(project, b"rows"), "relpath": "train.jsonl"}]
    commit(project, data__split=keep(project, json.dumps(inner).encode(), ".dir"))
    found = revision.files("HEAD", revision.Path("data/split"), project)
    assert {name: path.read_bytes() for name, path in found.items()} == {"train.jsonl": b"rows"}


def test_the_cache_may_lie_elsewhere(project):
    """DVC's own configuration says where, the local one above the shared one."""
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text(
        "[core]\n    analytics = false\n[cache]\n    dir = ../far\n"
    )
    (project / ".dvc/config.local").write_text("[cache]\n    dir = ../near\n")
    commit(project, corpus=keep(project, b"old", cache="near"))
    assert revision.files("HEAD", revision.Path("corpus"), project)[""].read_bytes() == b"old"


@pytest.mark.parametrize("name", ["none", "--output=x"])
def test_an_unknown_revision_is_said(project, name):
    """The reason that git gives, and what to name instead; a dash is no option."""
    with pytest.raises(LineageError, match="Name a commit, branch or tag"):
        revision.files(name, revision.Path("corpus"), project)
    assert list(project.glob("x*")) == []


def test_an_output_that_was_not_there_yet_is_said(project):
    """The revision is older than the stage."""
    commit(project, corpus=keep(project, b"old"))
    with pytest.raises(LineageError, match=r"its dvc\.lock names no output data/split"):
        revision.files("HEAD", revision.Path("data/split"), project)


def test_bytes_that_the_cache_lost_are_said(project):
    """Which output of which revision, and how to fetch it."""
    commit(project, corpus="0" * 32)
    with pytest.raises(LineageError, match=r"corpus at HEAD: .* Run `dvc fetch --all-commits`"):
        revision.files("HEAD", revision.Path("corpus"), project)


def test_a_corrupt_object_is_noticed(project):
    """DVC trusts the name of an object; here its bytes are hashed."""
    md5 = keep(project, b"old")
    commit(project, corpus=md5)
    (project / ".dvc/cache/files/md5" / md5[:2] / md5[2:]).write_bytes(b"flipped")
    with pytest.raises(LineageError, match="not that of their name"):
        revision.files("HEAD", revision.Path("corpus"), project)
