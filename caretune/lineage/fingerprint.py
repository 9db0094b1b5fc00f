"""The machine fingerprint: what must be equal before two runs may be expected to be identical.

Measured: another thread count or another CPU capability gives other weights (docs/log.md).
"""

import platform
from importlib import metadata

import msgspec


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Versions, processor and number format of a run; no host name, no path, no time."""

    torch: str
    transformers: str
    peft: str
    cpu_capability: str
    """Widest vector instructions that torch uses, such as AVX512."""
    threads: int
    dtype: str
    machine: str
    """Processor family, such as x86_64."""


def machine(cpu_capability: str, threads: int, dtype: str) -> Fingerprint:
    """Return the fingerprint of this machine and its installed packages.

    Args:
        cpu_capability: As torch tells it; this module imports no model library.
        threads: CPU threads that torch works with.
        dtype: Type of the weights in memory.
    """
    return Fingerprint(
        torch=metadata.version("torch"),
        transformers=metadata.version("transformers"),
        peft=metadata.version("peft"),
        cpu_capability=cpu_capability,
        threads=threads,
        dtype=dtype,
        machine=platform.machine(),
    )
