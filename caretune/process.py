"""Processes of one run: how many work side by side, and that none outlives its parent."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies, however it dies.

    Args:
        parent: Process id that the parent had; where it is gone already, this process ends here.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os._exit(1)


def is_alive(process: int) -> bool:
    """Tell whether a process of this id runs, whoever owns it."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def cores() -> int:
    """Return how many processors this process may use; no result depends on it."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def is_first() -> bool:
    """Tell whether this is the first of the processes that `torchrun` started, or the only one.

    It alone writes what all of them made.
    """
    return os.environ.get("RANK", "0") == "0"
