"""A training is watched, and is the same training."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from structlog.testing import capture_logs

from caretune.moe_lora.config import MoeLoraConfig
from caretune.monitoring import training_alerts
from caretune.monitoring.delivery import Delivery
from caretune.monitoring.training_alerts import Limits
from caretune.training import alerting, optimiser
from caretune.training.alerting import Alerting
from caretune.training.settings import Operation
from tests.fixtures.models import moe_lora, train

LIMITS = Limits(2.0, 0.1, 0.05, 0.6, 5.0, 1.0, 0, 0.05)
STRICT = Limits(0.0, -9.0, 1.0, 0.0, 0.0, 0.0, -1, 0.0)
"""Everything is an alert."""


@pytest.fixture
def watch():
    """Return what watches, and a function that logs to it and returns the alerts."""
    alert = Alerting(LIMITS, Delivery(timedelta(0), None, None), "lora")

    def log(logged, *, first=True, **figures):
        state = SimpleNamespace(log_history=logged, global_step=7, is_world_process_zero=first)
        with capture_logs() as logs:
            alert.on_log(None, state, None, logs=figures)
        return [(found["rule"], found["step"]) for found in logs]

    return alert, log


def test_the_trainers_own_log_is_judged(watch):
    """A resumed training has the figures of before, and so has the watch."""
    _alert, log = watch
    assert log([{"nll": 1.0}] * 5 + [{"nll": 3.0}], nll=3.0) == [("loss_spike", 7)]
    assert log([{"nll": 1.0}] * 6, nll=1.0) == []


def test_what_other_callbacks_add_is_judged_too(watch):
    """The count of steps that were left out is no figure of the trainer itself."""
    _alert, log = watch
    assert training_alerts.SKIPPED == optimiser.LEFT_OUT
    assert log([{"nll": 1.0}], nll=1.0, **{optimiser.LEFT_OUT: 1}) == [("skipped_steps", 7)]


def test_only_the_first_process_tells(watch):
    """Eight GPUs are one training; before the first log there is nothing to judge."""
    _alert, log = watch
    assert log([{"nll": 1.0}] * 5 + [{"nll": 3.0}], first=False, nll=3.0) == []
    assert log([]) == []


def test_steps_are_timed_without_what_lies_between(watch, monkeypatch):
    """From its begin to its end; validations and checkpoints come after."""
    alert, log = watch
    clock = iter(
        [time for step in range(25) for time in (100 * step, 100 * step + (9 if step > 19 else 1))]
    )
    monkeypatch.setattr(alerting.time, "perf_counter", lambda: next(clock))
    for _ in range(25):
        alert.on_step_begin(None, None, None)
        alert.on_step_end(None, None, None)
    assert log([{"nll": 1.0}], nll=1.0) == [("slow_training", 7)]


def test_a_watched_training_is_the_same_training(tiny_base, tmp_path):
    """The same bytes, with every alert there is told at every step."""
    file = tmp_path / "alerts.jsonl"
    watched = Alerting(STRICT, Delivery(timedelta(0), file, None), "moe_lora")
    weights = []
    for name, callbacks in (("plain", ()), ("watched", (watched,))):
        folder = tmp_path / name
        operation = Operation(callbacks=callbacks)
        train("a", moe_lora(), tiny_base, folder / "out", live=folder / "live", operation=operation)
        weights.append(load_file(folder / "out/last/adapter_model.safetensors"))
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    told = {json.loads(line)["rule"] for line in file.read_text().splitlines()}
    assert {"skipped_steps", "full_memory", "diverging_validation"} <= told


def test_memory_is_that_of_the_machine_or_the_container(tmp_path):
    """What the kernel gives back when it is asked counts as free."""
    assert 0 < alerting.memory_rate() < 1
    meminfo = tmp_path / "meminfo"
    assert alerting._machine(meminfo) == 0.0
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\nodd\n")
    assert alerting._machine(meminfo) == pytest.approx(0.6)
    assert alerting._container(tmp_path) == 0.0
    (tmp_path / "memory.max").write_text("max\n")
    assert alerting._container(tmp_path) == 0.0
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 200\n")
    assert alerting._container(tmp_path) == pytest.approx(0.7)


def test_memory_of_a_gpu_leaves_out_what_torch_would_give_back(monkeypatch):
    """80 of 100 are taken, 30 of them are torch's reserve."""
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        mem_get_info=lambda: (20, 100),
        memory_reserved=lambda: 70,
        max_memory_allocated=lambda: 40,
    )
    monkeypatch.setattr(alerting.torch, "cuda", cuda)
    assert alerting.memory_rate() == pytest.approx(0.5)


def test_experts_without_a_row_may_go_unused(watch):
    """The adapter's own balance says which; a plain LoRA has none."""
    alert, log = watch
    config = MoeLoraConfig(
        target_modules=["q_proj"],
        num_experts=2,
        top_k=1,
        expert_names=["a", "general"],
        domain_balance=[1.0, 0.0],
    )
    logged = [{"nll": 1.0, "router/load/a": 1.0, "router/load/general": 0.0}] * 5
    alert.on_train_begin(None, None, None, model=SimpleNamespace(peft_config={"default": config}))
    assert log([{**row, "router/load/a": 0.6} for row in logged]) == []
    alert.on_train_begin(None, None, None, model=SimpleNamespace())
    assert log(logged) == [("router_collapse", 7)]
