"""Watches a training by its rules; reads what the trainer logs and changes nothing."""

# ruff: noqa: ARG002 - transformers gives every callback the same arguments by name

import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from caretune.moe_lora.config import MoeLoraConfig
from caretune.monitoring import training_alerts
from caretune.monitoring.delivery import Delivery
from caretune.monitoring.training_alerts import Limits

_KEPT_STEPS = 1000


class Alerting(TrainerCallback):
    """Judges every log of a trainer, and tells what crosses a limit.

    It keeps step times alone; all other figures are the trainer's own, which a resumed training has
    from before.

    Args:
        limits: The most that is no alert.
        delivery: Tells alerts.
        subject: What they are about: the adapter's name.
    """

    def __init__(self, limits: Limits, delivery: Delivery, subject: str) -> None:
        self._limits, self._delivery, self._subject = limits, delivery, subject
        self._seconds: deque[float] = deque(maxlen=_KEPT_STEPS)
        self._begun = 0.0
        self._untaught: list[str] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Learn which experts no row teaches."""
        config = getattr(kwargs["model"], "peft_config", {}).get("default")
        if isinstance(config, MoeLoraConfig) and config.domain_balance:
            pairs = zip(config.expert_names or [], config.domain_balance, strict=True)
            self._untaught = [name for name, weight in pairs if weight == 0]

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the watch."""
        self._begun = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep how long the step took."""
        self._seconds.append(time.perf_counter() - self._begun)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Judge what was logged last, in the first of several processes."""
        if not (state.is_world_process_zero and state.log_history):
            return
        # Callbacks before this one add figures that the trainer's own copy lacks.
        logged = [*state.log_history[:-1], {**state.log_history[-1], **kwargs["logs"]}]
        found = [
            *training_alerts.of_figures(logged, self._limits, self._untaught),
            *training_alerts.of_steps(list(self._seconds), self._limits),
            *training_alerts.of_memory(memory_rate(), self._limits),
        ]
        for finding in found:
            self._delivery.tell(finding.alert(self._subject, state.global_step, datetime.now(UTC)))


def memory_rate() -> float:
    """Return the share of memory in use, 0..1: the GPU's where one is used, else the machine's.

    What torch holds of a GPU and would give back counts as free. Where a container has a limit of its
    own (cgroup v2), its share counts where it is larger. 0.0 where the system tells nothing.
    """
    if torch.cuda.is_initialized():
        free, total = torch.cuda.mem_get_info()
        unused = torch.cuda.memory_reserved() - torch.cuda.max_memory_allocated()
        return (total - free - unused) / total
    return max(_machine(Path("/proc/meminfo")), _container(Path("/sys/fs/cgroup")))


def _machine(file: Path) -> float:
    figures = _figures(file)
    total = figures.get("MemTotal:", 0)
    return 1 - figures["MemAvailable:"] / total if total else 0.0


def _container(folder: Path) -> float:
    limit, used = folder / "memory.max", folder / "memory.current"
    if not limit.exists() or not limit.read_text().strip().isdigit():
        return 0.0
    given_back = _figures(folder / "memory.stat").get("inactive_file", 0)
    return (int(used.read_text()) - given_back) / int(limit.read_text())


def _figures(file: Path) -> dict[str, int]:
    """Return the figures of a file of the kernel, `name number` a line; none where it is not there."""
    if not file.exists():
        return {}
    lines = [line.split() for line in file.read_text().splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}
