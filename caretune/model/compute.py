"""How this process computes: the number of threads, on which the bytes of a run depend."""

import ctypes
import sys

import torch
from transformers.utils import logging

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # glibc's malloc.h


def prepare(threads: int) -> None:
    """Fix the threads of torch, keep the process's memory between steps, and keep it quiet.

    A training step frees and takes the same large blocks again; by default glibc hands them back
    to the kernel each time. Keeping them measured a tenth less time a step (docs/log.md).
    """
    torch.set_num_threads(threads)
    logging.disable_progress_bar()
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(_M_MMAP_MAX, 0)
            library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
