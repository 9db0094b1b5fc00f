"""On what, beside data and params, the bytes of a training depend: the machine and the code."""

import os
from importlib import metadata
from typing import Any

import msgspec
import torch

from caretune.lineage import fingerprint, resume

_LIBRARIES = ("accelerate", "datasets", "numpy", "tokenizers", "trl")
"""What computes too, beside those that the fingerprint of a release names."""


def fields(threads: int, dtype: str, *device: str) -> dict[str, Any]:
    """Return machine and code, of the modules loaded by now, as fields of a resume state.

    Args:
        threads: CPU threads.
        dtype: Type of the base's weights.
        device: What else the bytes depend on: the device's name, and how attention runs there.
    """
    here = fingerprint.machine(torch.backends.cpu.get_cpu_capability(), threads, dtype)
    code = {f"code.{name}": sha256 for name, sha256 in fingerprint.loaded_code().items()}
    place = {
        "machine.device": list(device),
        "machine.processes": int(os.environ.get("WORLD_SIZE", "1")),
        "machine.fsdp": os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true",
    }
    versions = {f"machine.{name}": metadata.version(name) for name in _LIBRARIES}
    return resume.flat(msgspec.structs.asdict(here), "machine.") | versions | place | code
