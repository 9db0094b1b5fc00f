"""Weights & Biases gets the rows that dvclive gets, without network and away from the home folder."""

import builtins
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from structlog.testing import capture_logs

from caretune.errors import CaretuneError
from caretune.training import tracker
from tests.house.closure import ROOT


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """Keep every file of Weights & Biases in the test's folder."""
    pytest.importorskip("wandb", reason="the extra `tracking` is not installed")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_DIR", raising=False)
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / name.lower()))
    return tmp_path


def _at(step):
    return SimpleNamespace(global_step=step)


def recorded(folder, last):
    """Return the bytes of the one run that was recorded; they may come a little after its end."""
    (file,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    ends = time.monotonic() + 20
    while last not in file.read_bytes() and time.monotonic() < ends:
        time.sleep(0.05)
    return file.read_bytes()


def test_the_rows_of_the_history_are_recorded(offline):
    """Names as in history.json, params, no command line and no folder, and an empty home."""
    with tracker.opened("wandb", "moe_lora", "f1e1d", {"rank": 8, "alpha": 4.5}, offline) as (
        shown,
    ):
        shown.on_log(None, _at(0), None, logs={"eval_nll": 3.25})
        shown.on_log(None, _at(2), None, logs={"nll": 2.5, "train_runtime": 1.0, "loss": 9.0})
    held = recorded(offline, b"loss")
    for word in (b"validation_nll", b"3.25", b"loss", b"rank", b"4.5", b"moe_lora", b"f1e1d"):
        assert word in held
    assert b"train_runtime" not in held
    assert str(ROOT).encode() not in held
    assert b"pytest" not in held
    assert list((offline / "home").iterdir()) == []
    assert shown.rows == [{"step": 0, "validation_nll": 3.25}, {"step": 2, "loss": 2.5}]


def test_its_own_variable_names_the_folder(offline, monkeypatch):
    """WANDB_DIR goes before the folder that the stage names."""
    other = offline / "other"
    other.mkdir()
    monkeypatch.setenv("WANDB_DIR", str(other))
    with tracker.opened("wandb", "lora", "g", {}, offline / "not here"):
        pass
    assert b"caretune" in recorded(other, b"caretune")


def test_no_random_number_is_drawn(offline):
    """The training is the same with and without it."""
    random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), torch.get_rng_state()
    with tracker.opened("wandb", "lora", "g", {}, offline) as (shown,):
        shown.on_log(None, _at(1), None, logs={"nll": 2.5})
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])


def _helpers(parent):
    """Return the processes that Weights & Biases started for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"wandb-core" in words[0] and str(parent).encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_its_process_ends_when_the_training_is_killed(offline):
    """SIGKILL leaves nothing behind."""
    code = (
        "import pathlib, time\n"
        "from caretune.training import tracker\n"
        f"with tracker.opened('wandb', 'lora', 'g', {{}}, pathlib.Path({str(offline)!r})):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(60)\n"
    )
    # A child would share the process of an earlier test.
    environment = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert "begun\n" in iter(running.stdout.readline, "")
        assert len(_helpers(running.pid)) == 1
        running.send_signal(signal.SIGKILL)
    ends = time.monotonic() + 20
    while _helpers(running.pid) and time.monotonic() < ends:
        time.sleep(0.2)
    assert _helpers(running.pid) == []


def test_a_missing_package_names_the_extra(monkeypatch, tmp_path):
    """What to install, or which parameter to change."""
    real = builtins.__import__

    def absent(name, *arguments, **named):
        if name == "wandb":
            raise ImportError
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    with (
        pytest.raises(CaretuneError, match=r"pip install caretune\[tracking\]`, or set it to none"),
        tracker.opened("wandb", "lora", "g", {}, tmp_path),
    ):
        pass


def test_an_account_that_is_missing_is_a_sentence(offline, monkeypatch):
    """Online and without a key it stops before anything is computed."""
    import wandb

    def refuse(**_named):
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "init", refuse)
    with (
        pytest.raises(
            CaretuneError, match=r"did not start \(UsageError\)\. Set WANDB_MODE=offline"
        ),
        tracker.opened("wandb", "lora", "g", {}, offline),
    ):
        pass


def test_a_tracker_that_breaks_is_said_once_and_stops_nothing():
    """The training goes on without it."""

    class Broken:
        calls = 0

        def log(self, *_arguments, **_named):
            self.calls += 1
            raise BrokenPipeError

    run = Broken()
    shown = tracker._Shown(run)
    with capture_logs() as logs:
        shown.log_metric("loss", 1.0)
        shown.log_metric("loss", 1.0)
        shown.make_summary()
    assert run.calls == 1
    assert logs == [{"event": "tracker_stopped", "log_level": "error", "reason": "BrokenPipeError"}]


def test_a_tracker_that_breaks_at_its_end_stops_nothing(monkeypatch, tmp_path):
    """The training has ended well, and its state is cleared already."""

    class Broken:
        def finish(self):
            raise BrokenPipeError

    monkeypatch.setattr(tracker, "_begun", lambda *_: Broken())
    with capture_logs() as logs, tracker.opened("wandb", "lora", "g", {}, tmp_path):
        pass
    assert [entry["reason"] for entry in logs] == ["BrokenPipeError"]


@pytest.mark.parametrize(("kind", "rank"), [("none", "0"), ("wandb", "1")])
def test_without_a_tracker_nothing_is_begun(kind, rank, monkeypatch, tmp_path):
    """Nobody chose one, or another process of `torchrun` has it."""
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(tracker, "_begun", None)
    with tracker.opened(kind, "lora", "g", {}, tmp_path) as callbacks:
        assert callbacks == ()
