"""Two processes on one machine train what one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import steps
from tests.fixtures.models import ROOT

pytestmark = pytest.mark.slow

TOLERANCE = 1e-6
"""Share of the largest value; float32 sums in another order (measured: 2e-7, weights 9e-7)."""


def _in_two_processes(kind: str, tiny_base: Path, out: Path) -> steps.Step:
    """Take the step under torchrun, with gloo, four rows a process."""
    out.mkdir()
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--module"]
    done = subprocess.run(
        [sys.executable, *command, "tests.fixtures.steps", str(tiny_base), str(out), kind],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return steps.read(out)


@pytest.mark.parametrize("kind", ["moe_lora", "lora"])
def test_two_processes_are_two_passes(kind, tiny_base, tmp_path):
    """Four rows in each of two processes are one process's four rows twice.

    The same rows in the same passes, so that the router's losses, means over a pass, are equal
    too. `find_unused_parameters` is off: every weight gets a gradient in every step, that of an
    expert nobody chose being zero, since all experts are parts of the same matrices.
    """
    two = _in_two_processes(kind, tiny_base, tmp_path / "two")
    one = steps.take(
        tiny_base,
        steps.CONFIGS[kind](),
        tmp_path / "one",
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        crisis_weight=2.0,
    )
    assert two.loss == pytest.approx(one.loss, rel=TOLERANCE)
    assert steps.furthest(one.gradients, two.gradients) < TOLERANCE
    assert steps.furthest(one.weights, two.weights) < 10 * TOLERANCE
    assert two.validation_nll == pytest.approx(one.validation_nll, rel=TOLERANCE)
