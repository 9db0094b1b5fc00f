"""What a process takes while it runs: time, memory, and the GPU where it uses one.

torch is asked only where the process itself has loaded it and begun to use a GPU; nothing is imported
for it. A reading that fails is left out: no measurement may end a run.
"""

import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from caretune.lineage.cost import CPU, Usage

_SAMPLE_S = 1.0
_STATUS = Path("/proc/self/status")
_BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of ru_maxrss."""


class Meter:
    """Measures from when it is built until `stop`.

    On a machine with an NVIDIA GPU a thread samples its power and load once a second.

    Args:
        gpus: Processes that each use one GPU, as `torchrun` says in WORLD_SIZE.
    """

    def __init__(self, gpus: int = 1) -> None:
        self._gpus = gpus
        self._begun = time.monotonic()
        self._sampler = _Sampler() if any(Path("/dev").glob("nvidia[0-9]*")) else None
        if self._sampler is not None:
            self._sampler.start()

    def stop(self, exit_code: int) -> Usage:
        """Return what was taken.

        Args:
            exit_code: How the process is about to end.
        """
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        sampler, cuda = self._sampler, _cuda()
        if sampler is not None:
            sampler.stopped.set()
        samples = sampler.samples if sampler is not None else 0
        return Usage(
            wall_s=round(time.monotonic() - self._begun, 3),
            cpu_s=round(own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime, 3),
            peak_bytes=_peak(own.ru_maxrss),
            peak_child_bytes=children.ru_maxrss * _BYTES_PER_UNIT,
            exit_code=exit_code,
            device=CPU if cuda is None else str(cuda.get_device_name()),
            gpus=1 if cuda is None else self._gpus,
            gpu_peak_bytes=None if cuda is None else int(cuda.max_memory_reserved()),
            gpu_utilisation=round(sampler.busy / samples, 4) if sampler and samples else None,
            gpu_wh=round(sampler.watt_s / 3600, 4) if sampler and samples else None,
        )


class _Sampler(threading.Thread):
    """Adds up power and load of the GPU, from when this process uses it."""

    def __init__(self) -> None:
        super().__init__(name="meter", daemon=True)
        self.stopped = threading.Event()
        self.samples = 0
        self.watt_s = 0.0
        self.busy = 0.0

    def run(self) -> None:
        while not self.stopped.wait(_SAMPLE_S):
            cuda = _cuda()
            if cuda is None:
                continue
            try:
                watts, busy = cuda.power_draw() / 1000, cuda.utilization() / 100
            except Exception:  # noqa: BLE001, S112 - a driver that tells nothing ends no run
                continue
            self.samples += 1
            self.watt_s += watts * _SAMPLE_S
            self.busy += busy


def _cuda() -> Any:
    """Return torch.cuda where this process has begun to use a GPU, else None."""
    # Half imported, torch has no `cuda` yet.
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def _peak(max_rss: int) -> int:
    """Return the most memory this program held, in bytes.

    ru_maxrss begins with what the parent held (Linux keeps it over exec): a stage of 60 MB that DVC
    starts would show DVC's 200. VmHWM is the program's own.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return max_rss * _BYTES_PER_UNIT
