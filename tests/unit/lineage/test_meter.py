"""A meter reads what this process takes; a GPU only where the process uses one."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from caretune.lineage import meter
from caretune.lineage.meter import Meter


class Cuda:
    """Stands for torch.cuda on a machine with a GPU."""

    def __init__(self, initialised=True, fails=False):
        self.initialised, self.fails = initialised, fails

    def is_initialized(self):
        """Tell whether this process uses the GPU."""
        return self.initialised

    def power_draw(self):
        """Return milliwatts."""
        if self.fails:
            raise RuntimeError("the driver says nothing")
        return 400_000

    def utilization(self):
        """Return per cent."""
        return 50

    def get_device_name(self):
        """Return a name."""
        return "NVIDIA H200"

    def max_memory_reserved(self):
        """Return bytes."""
        return 7


@pytest.fixture
def gpu(monkeypatch):
    """Pretend a machine with a GPU, sampled a hundred times a second."""

    def pretend(cuda):
        monkeypatch.setattr(meter, "_SAMPLE_S", 0.01)
        monkeypatch.setattr(Path, "glob", lambda _folder, _pattern: iter(["/dev/nvidia0"]))
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))

    return pretend


def test_time_and_memory_are_measured(monkeypatch):
    """Wall and CPU seconds go on; memory is that of this process."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    measured = Meter()
    time.sleep(0.05)
    held = bytearray(1 << 20)
    found = measured.stop(2)
    assert found.wall_s >= 0.05
    assert found.cpu_s > 0
    assert found.peak_bytes > len(held)
    assert (found.exit_code, found.device, found.gpus, found.gpu_wh) == (2, "cpu", 1, None)


def test_nothing_is_imported_for_it():
    """A stage without a model stays one: torch is never loaded to be measured."""
    code = (
        "import sys; from caretune.lineage.meter import Meter; Meter().stop(0);"
        "sys.exit('torch' in sys.modules or 'pynvml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_gpu_in_use_is_sampled(gpu):
    """Name, memory, load and energy of one GPU, and how many such processes there are."""
    gpu(Cuda())
    measured = Meter(gpus=2)
    time.sleep(0.2)
    found = measured.stop(0)
    assert (found.device, found.gpus, found.gpu_peak_bytes) == ("NVIDIA H200", 2, 7)
    assert found.gpu_utilisation == 0.5
    assert 0 < found.gpu_wh <= 400 * found.wall_s / 3600 * 1.05 + 1e-4


@pytest.mark.parametrize(
    "cuda",
    [pytest.param(Cuda(initialised=False), id="unused"), pytest.param(None, id="half loaded")],
)
def test_a_gpu_that_is_not_used_is_not_counted(gpu, cuda):
    """Another process may work on it."""
    gpu(cuda)
    measured = Meter(gpus=2)
    time.sleep(0.05)
    found = measured.stop(0)
    assert (found.device, found.gpus, found.gpu_utilisation, found.gpu_wh) == ("cpu", 1, None, None)


def test_a_driver_that_tells_nothing_ends_no_run(gpu):
    """What cannot be read is left out."""
    gpu(Cuda(fails=True))
    measured = Meter()
    time.sleep(0.05)
    found = measured.stop(0)
    assert (found.device, found.gpu_wh, found.gpu_utilisation) == ("NVIDIA H200", None, None)


def test_the_parents_memory_is_not_the_programs_own(tmp_path):
    """A parent of 300 MB that starts a small program does not make it a large one."""
    small = "from caretune.lineage.meter import Meter; print(Meter().stop(0).peak_bytes)"
    big = (
        "import subprocess, sys; held = b'x' * (300 << 20);"
        f"subprocess.run([sys.executable, '-c', {small!r}], check=True)"
    )
    shown = subprocess.run([sys.executable, "-c", big], capture_output=True, text=True, check=True)
    assert int(shown.stdout) < 200 << 20


def test_without_proc_the_kernels_own_figure_is_taken(monkeypatch, tmp_path):
    """Other systems have no /proc."""
    monkeypatch.setattr(meter, "_STATUS", tmp_path / "status")
    assert meter._peak(10) == 10 * meter._BYTES_PER_UNIT
    (tmp_path / "status").write_text("Name:\tpython\n")
    assert meter._peak(10) == 10 * meter._BYTES_PER_UNIT
