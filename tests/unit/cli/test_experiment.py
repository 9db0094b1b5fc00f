"""Trials as DVC experiments, with a script that stands for DVC."""

import json
import subprocess
import sys
import time

import pytest

from caretune.cli import experiment
from caretune.cli.experiment import Experiments, Files

FILES = Files("models/adapter", "reports/timing.json")
DVC = f'''#!{sys.executable}
"""Stands for `dvc exp run --temp -n NAME -S ... TARGET`."""
import hashlib, json, os, pathlib, subprocess, sys, time
words = sys.argv[1:]
name, settings = words[words.index("-n") + 1], [b for a, b in zip(words, words[1:]) if a == "-S"]
pathlib.Path("called.json").write_text(json.dumps(words))
if "k=1" in settings:
    print("error: params.yaml has 1 fault, nothing was computed:\\n  train.k: too few\\nERROR: failed")
    sys.exit(255)
if "k=2" in settings:
    time.sleep(60)
if "k=3" in settings:
    sys.exit(0)
def git(*words, text=None):
    done = subprocess.run(["git", *words], input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()
def keep(data):
    md5 = hashlib.md5(data).hexdigest()
    path = pathlib.Path(".dvc/cache/files/md5", md5[:2], md5[2:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5
score = "high" if "k=4" in settings else 1.5
trained = keep(json.dumps({{"best_score": score, "best_nll": 2.5}}).encode())
listed = json.dumps([{{"md5": trained, "relpath": "training.json"}}]).encode()
md5 = hashlib.md5(listed).hexdigest() + ".dir"
path = pathlib.Path(".dvc/cache/files/md5", md5[:2], md5[2:])
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(listed)
lock = json.dumps({{"stages": {{"train@a": {{"outs": [{{"path": "models/adapter", "md5": md5}}]}}}}}})
pathlib.Path("reports").mkdir(exist_ok=True)
pathlib.Path("dvc.lock").write_text(lock)
pathlib.Path("reports/timing.json").write_text('{{"seconds": 7.0}}')
git("add", "dvc.lock", "reports")
author = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
commit = git(*author, "commit-tree", git("write-tree"), "-m", "trial")
git("update-ref", f"refs/exps/aa/{{'b' * 38}}/{{name}}", commit)
'''


@pytest.fixture
def trials(tmp_path, monkeypatch):
    """Trials in a git repository, with a DVC that is a script."""
    root = tmp_path / "project"
    root.mkdir()
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    tool = tmp_path / "bin/dvc"
    tool.parent.mkdir()
    tool.write_text(DVC)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    return Experiments(root, tmp_path / "sweep", "train@a", "best_score", FILES), root


def test_a_trial_is_scored_by_what_it_trained(trials):
    """From its commit and the cache: the workspace is not looked at."""
    runner, root = trials
    outcome = runner.run("s-001", {"k": 0, "rate": 1e-05, "on": True, "word": "cosine"}, None)
    assert (outcome.score, outcome.training_seconds, outcome.reason) == (1.5, 7.0, "")
    assert json.loads((root / "called.json").read_text()) == [
        *("exp", "run", "--temp", "-n", "s-001", "-S", "k=0", "-S", "on=true"),
        *("-S", "rate=1e-05", "-S", "word=cosine", "train@a"),
    ]
    assert runner.taken("s") == ["s-001"]
    assert runner.taken("other") == []


def test_a_failed_trial_tells_the_stages_own_error(trials):
    """Not DVC's, which names only the exit code."""
    outcome = trials[0].run("s-001", {"k": 1}, None)
    assert outcome.score is None
    assert outcome.reason == (
        "exit code 255: params.yaml has 1 fault, nothing was computed: train.k: too few"
    )
    assert not outcome.cut


def test_a_trial_is_stopped_at_the_limit(trials):
    """With all its processes, within a moment."""
    begun = time.monotonic()
    outcome = trials[0].run("s-001", {"k": 2}, 0.5)
    assert outcome.cut
    assert outcome.reason == "stopped at the limit of the sweep (params.sweep)"
    assert time.monotonic() - begun < 10


def test_no_experiment_is_a_failure(trials):
    """An exit code of 0 alone proves nothing."""
    outcome = trials[0].run("s-001", {"k": 3}, None)
    assert outcome.reason == "DVC ended well and recorded no experiment"


def test_a_metric_that_is_no_number_is_a_failure(trials):
    """It names what there is."""
    outcome = trials[0].run("s-001", {"k": 4}, None)
    assert outcome.reason == (
        "training.json has no number 'best_score' (params.sweep.metric), its figures are best_nll"
    )


def test_a_killed_trial_that_had_ended_has_its_score(trials):
    """Its experiment is there."""
    runner, _ = trials
    runner.run("s-001", {"k": 0}, None)
    outcome = runner.recover("s-001", time.time() - 5)
    assert outcome.score == 1.5
    assert outcome.seconds == pytest.approx(5, abs=3)


def test_what_a_killed_trial_leaves_is_removed(trials):
    """Its copy of the workspace and DVC's note of it; another's stay."""
    runner, root = trials
    kept = []
    for name in ("s-001", "mine"):
        copy = root / ".dvc/tmp/exps/standalone" / f"tmp-{name}"
        note = root / f".dvc/tmp/exps/run/{name}/{name}.run"
        for folder in (copy, note.parent):
            folder.mkdir(parents=True)
        note.write_text(json.dumps({"name": name, "root_dir": str(copy)}))
        kept.append((copy.exists(), note.exists()))
    outcome = runner.recover("s-001", time.time())
    assert (outcome.score, outcome.cut, outcome.seconds) == (None, True, 0.0)
    found = root / ".dvc/tmp/exps"
    assert [path.name for path in sorted(found.glob("standalone/*"))] == ["tmp-mine"]
    assert [path.name for path in sorted(found.glob("run/*"))] == ["mine"]


@pytest.mark.parametrize(("name", "left"), [("s-001", ""), ("mine", "refs/exps/stash")])
def test_what_waits_in_dvcs_stash_is_dropped(trials, name, left):
    """Else the next trial would run it too; somebody else's experiment stays."""
    runner, root = trials

    def git(*words):
        author = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        command = ["git", "-C", str(root), *author, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("commit", "-q", "--allow-empty", "-m", "first")
    message = f"dvc-exp:abc:abc:{name}"
    git("update-ref", "-m", message, "--create-reflog", "refs/exps/stash", "HEAD")
    runner.recover("s-001", time.time())
    assert git("for-each-ref", "--format=%(refname)", "refs/exps/stash") == left


def test_without_an_error_the_log_is_named():
    """Not an empty reason."""
    assert experiment.reason_of("Running\n") == "no error was told; see the log"


def test_dvcs_own_error_is_told_where_no_stage_spoke():
    """The last one."""
    assert experiment.reason_of("ERROR: one\nERROR: two\n") == "two"
