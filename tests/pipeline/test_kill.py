"""SIGKILL at random moments of base and train: the next `dvc repro` ends with the same bytes. Slow."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from caretune.lineage import digest
from tests.house.closure import ROOT
from tests.pipeline.test_make import sh, small

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CARETUNE_TEST_KILLS", "5"))
"""Of each of the two stages."""
PATH = f"{ROOT}/.venv/bin:{os.environ['PATH']}"
STAGES = {
    "base": ("base", "models/base", "models/resume/base"),
    "train": ("train@moe_lora", "models/adapter/moe_lora", "models/resume/moe_lora"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A clone in which the small profile ran through."""
    folder = tmp_path_factory.mktemp("kill") / "caretune"
    small(folder)
    return folder


def _kill(target, scratch, folder, delay_s):
    """Start a stage, kill dvc `delay_s` after the first sealed checkpoint, and wait for the orphan."""
    shutil.rmtree(folder / ".dvc/cache/runs", ignore_errors=True)
    shutil.rmtree(folder / scratch, ignore_errors=True)
    run = subprocess.Popen(
        ["dvc", "repro", "--single-item", "--force", target],
        cwd=folder,
        env=os.environ | {"PATH": PATH},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not list((folder / scratch).glob("*/checkpoint-*/seal.json")):
        assert run.poll() is None, "it ended before its first checkpoint"
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(delay_s)
    if run.poll() is not None:
        return False
    run.send_signal(signal.SIGKILL)
    run.wait()
    return bool(list((folder / scratch).glob("*/checkpoint-*/seal.json")))


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_killed_at_random_moments_it_ends_with_the_same_bytes(stage, whole, capsys):
    """Each time the log names a step above 0 from which it went on, and the folder's digest is equal."""
    target, out, scratch = STAGES[stage]
    before = digest.sha256_folder(whole / out)
    draw = random.Random(stage)
    longest, resumed = 2.5, []
    while len(resumed) < KILLS:
        delay = draw.uniform(0, longest)
        if not _kill(target, scratch, whole, delay):
            longest = max(0.1, delay)
            continue
        assert not (whole / out / "training.json").exists()
        # Without --force DVC would bring the outs of the uninterrupted run back, which it knows.
        done = sh(f"PATH={PATH} dvc repro --single-item --force {target}", whole)
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"resumed from step (\d+)", done.stdout + done.stderr)
        assert found, done.stdout + done.stderr
        resumed.append(int(found[1]))
        assert digest.sha256_folder(whole / out) == before
    assert min(resumed) > 0
    with capsys.disabled():
        print(
            f"\n{stage}: killed {KILLS} times, resumed from steps {resumed}, digest {before[:12]}"
        )
