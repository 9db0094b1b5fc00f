"""Real trials on the small profile: a queued grid by plain DVC, and a sweep that is killed. Slow."""

import csv
import io
import json
import os
import signal
import subprocess
import time

import pytest
from ruamel.yaml import YAML

from tests.house.closure import ROOT

pytestmark = pytest.mark.slow

SWEEP = {
    "trials": 4,
    # Each value is legal by itself; a warm-up of 23 in 20 steps is not.
    "space": {"train.warmup_steps": [3, 23], "train.steps": [20, 24]},
}
FAILING = {"train.warmup_steps": 23, "train.steps": 20}


def environment(folder):
    """Return an environment in which the clone's own code runs."""
    tools = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
    return {**os.environ, "PATH": tools, "PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"}


def run(folder, *words, timeout_s=1800):
    """Run a command in the clone; return what it says."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A clone in which the small profile is trained, with a space of four points."""
    folder = tmp_path_factory.mktemp("sweep") / "caretune"
    run(ROOT, "caretune", "params", "merge", "profiles/small.yaml", str(folder))
    run(folder, "git", "config", "user.name", "test")
    run(folder, "git", "config", "user.email", "test@example.invalid")
    yaml = YAML()
    params = yaml.load(folder / "params.yaml")
    params["sweep"] |= SWEEP
    yaml.dump(params, folder / "params.yaml")
    run(folder, "dvc", "repro", "-q", "train@moe_lora")
    run(folder, "git", "commit", "-qam", "trained")
    return folder


def wait_for(ready, timeout_s=600):
    """Wait until something is so."""
    for _ in range(timeout_s * 5):
        if ready():
            return
        time.sleep(0.2)
    pytest.fail(f"not ready after {timeout_s} s")


def shown(folder, name):
    """Return a sweep as JSON."""
    return json.loads(run(folder, "caretune", "sweep", "show", name, "--format", "json"))


def test_a_queued_grid_of_four_stands_in_dvc_exp_show(project):
    """Nothing of ours is needed."""
    grid = ("-S", "train.learning_rate=1e-3,3e-3", "-S", "train.moe_lora.top_k=1,2")
    run(project, "dvc", "exp", "run", "--queue", *grid, "train@moe_lora")
    run(project, "dvc", "queue", "start")
    wait_for(lambda: run(project, "dvc", "queue", "status").count("Success") == 4)
    rows = list(csv.DictReader(io.StringIO(run(project, "dvc", "exp", "show", "--csv"))))
    found = {
        (row["train.learning_rate"], row["train.moe_lora.top_k"])
        for row in rows
        if row["typ"].startswith("branch")
    }
    assert found == {("0.001", "1"), ("0.001", "2"), ("0.003", "1"), ("0.003", "2")}


def test_a_killed_sweep_goes_on_and_keeps_its_failure(project):
    """SIGKILL in the second trial; the driver's children die with it, and no trial is lost."""
    folder = project / ".caretune/sweeps/cut"
    driver = subprocess.Popen(
        ["caretune", "sweep", "grid", "cut"], cwd=project, env=environment(project)
    )

    def second_trains():
        logs = sorted(folder.glob("cut-00[1-9].log"))
        return any("stages.train" in log.read_text() for log in logs)

    wait_for(second_trains)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    before = {trial["number"]: trial for trial in shown(project, "cut")["trials"]}
    wait_for(lambda: not alive(project))
    told = run(project, "caretune", "sweep", "grid", "cut")
    assert "stopped: all 4 trials ran" in told
    after = shown(project, "cut")
    ended = [trial for trial in before.values() if trial["state"] != "running"]
    assert ended
    assert [after["trials"][trial["number"]] for trial in ended] == ended
    assert [trial["interrupted"] for trial in after["trials"]].count(True) == 1
    assert sum(trial["retry_of"] is not None for trial in after["trials"]) == 1
    failed = [t for t in after["trials"] if t["state"] == "failed" and not t["interrupted"]]
    assert [trial["params"] for trial in failed] == [FAILING]
    assert "train.warmup_steps: expected less than steps 20, got 23" in failed[0]["reason"]
    assert sum(trial["score"] is not None for trial in after["trials"]) == 3
    assert after["test_reads"] == {}
    assert not list((project / ".dvc/tmp/exps/standalone").glob("tmp*"))


def alive(folder):
    """Return the trainings of this clone that still run."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines() if "stages.train" in line]
    return [pid for pid, _ in lines if str(folder) in os.path.realpath(f"/proc/{pid}/cwd")]
