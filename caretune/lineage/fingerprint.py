"""The machine fingerprint: what must be equal before two runs may be expected to be identical.

Measured: another thread count or another CPU capability gives other weights (docs/log.md).
"""

import platform
import sys
from importlib import metadata
from pathlib import Path

import msgspec

from caretune.lineage import digest

_SHAPES_NOTHING = (
    "caretune.cli",
    "caretune.lineage.cost",
    "caretune.lineage.meter",
    "caretune.lineage.workspace",
    "caretune.monitoring",
    "caretune.params",
    "caretune.training.alerting",
    "caretune.training.tracker",
)
"""Packages and modules that say how a run is started, watched and described."""


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


def loaded_code() -> dict[str, str]:
    """Return module -> sha256 of its file, for every module of this project that this process runs.

    Modules that shape no result are left out: how a run is started, watched and described.
    """
    found: dict[str, str] = {}
    for name, module in sys.modules.items():
        spec = getattr(module, "__spec__", None)
        known = spec.name if spec else name
        if known.split(".")[0] in {"caretune", "stages"} and not known.startswith(_SHAPES_NOTHING):
            file = getattr(module, "__file__", None)
            found |= {known: digest.sha256_file(Path(file))} if file else {}
    return dict(sorted(found.items()))
