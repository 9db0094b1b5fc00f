"""How this process computes: the number of threads, on which the bytes of a run depend."""

from typing import Any

import msgspec
import torch
from transformers.utils import logging

from caretune.lineage import fingerprint, resume


def prepare(threads: int) -> None:
    """Fix the threads of torch, and keep the model libraries' own progress bars off the log."""
    torch.set_num_threads(threads)
    logging.disable_progress_bar()


def circumstances(threads: int, dtype: str, *device: str) -> dict[str, Any]:
    """Return machine and code, of the modules loaded by now, as fields of a resume state.

    Args:
        threads: CPU threads.
        dtype: Type of the base's weights.
        device: What else the bytes depend on: the device's name, and how attention runs there.
    """
    here = fingerprint.machine(torch.backends.cpu.get_cpu_capability(), threads, dtype)
    code = {f"code.{name}": sha256 for name, sha256 in fingerprint.loaded_code().items()}
    return resume.flat(msgspec.structs.asdict(here), "machine.") | code | {"machine.device": device}
