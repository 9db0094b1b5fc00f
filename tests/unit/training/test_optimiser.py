"""Matrices decay, rates rise and fall as told, and a step without a number moves nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import get_constant_schedule_with_warmup

from caretune.model import adapter, base
from caretune.training import optimiser
from tests.fixtures.models import lora, moe_lora


@pytest.mark.parametrize("config", [moe_lora(), lora()], ids=["moe_lora", "lora"])
def test_matrices_decay_and_routers_do_not(config, tiny_base):
    """Of what is trained, the routers alone are left out."""
    model = adapter.add(base.load(tiny_base).model, config, 1)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    kept = trained - set(optimiser.decayed(model))
    assert kept == {name for name in trained if "expert_router" in name}


def test_vectors_do_not_decay():
    """A bias is no matrix."""
    assert optimiser.decayed(nn.Linear(2, 2)) == ["weight"]


def _plateau(**changed):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.8)
    values = {"warmup_steps": 4, "factor": 0.5, "patience": 1} | changed
    return optimizer, optimiser.Plateau(optimizer, **values)


def _rates(optimizer, schedule, scores: dict[int, float], steps: range) -> list[float]:
    """Train, with a validation after some steps, as Trainer does."""
    rates = []
    for step in steps:
        state = SimpleNamespace(global_step=step)
        optimiser.WarmUp().on_step_begin(None, state, None, lr_scheduler=schedule)
        rates.append(optimizer.param_groups[0]["lr"])
        if step in scores:
            schedule.step(scores[step])
    return rates


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_plateau_warms_up_as_the_constant_schedule(warmup):
    """Without a validation it is transformers' constant schedule."""
    optimizer, schedule = _plateau(warmup_steps=warmup)
    other = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.8)
    constant = get_constant_schedule_with_warmup(other, warmup)
    wanted = []
    for _ in range(7):
        wanted.append(constant.get_last_lr()[0])
        other.step()
        constant.step()
    assert _rates(optimizer, schedule, {}, range(7)) == wanted


def test_plateau_falls_where_validations_stop_gaining():
    """One validation without a gain is let pass, the second halves the rate."""
    scores = {4: 2.0, 5: 2.0, 6: 1.9, 7: 1.9, 8: 1.9, 9: 1.9}
    optimizer, schedule = _plateau()
    assert _rates(optimizer, schedule, scores, range(4, 11)) == [0.8, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4]


def test_validations_of_the_warm_up_count_for_nothing():
    """The rise goes to its end, whatever the scores do."""
    optimizer, schedule = _plateau(patience=0)
    scores = {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0, 4: 5.0, 5: 4.0}
    assert _rates(optimizer, schedule, scores, range(7))[4:] == [0.8, 0.8, 0.8]


def test_plateau_resumes_equal(tmp_path: Path):
    """Saved and loaded as Trainer does, it goes on as if nothing had been."""
    scores = {2: 1.0, 5: 3.0, 6: 3.0, 7: 3.0, 8: 2.9, 9: 2.9, 10: 2.9, 11: 2.9}
    whole = _rates(*_plateau(), scores, range(14))
    assert whole[-1] == 0.2  # it fell twice
    for cut in range(1, 14):
        optimizer, schedule = _plateau()
        rates = _rates(optimizer, schedule, scores, range(cut))
        torch.save((optimizer.state_dict(), schedule.state_dict()), tmp_path / "state.pt")
        optimizer, schedule = _plateau()
        for one, state in zip(
            (optimizer, schedule),
            torch.load(tmp_path / "state.pt", weights_only=True),
            strict=True,
        ):
            one.load_state_dict(state)
        assert rates + _rates(optimizer, schedule, scores, range(cut, 14)) == whole


def _step(gradient: list[float], guard: optimiser.NonFiniteSteps | None, steps: int = 1):
    """Train two weights with AdamW: steps of an ordinary gradient, then one of `gradient`."""
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=0.1)
    for given in [[0.3, -0.2]] * steps + [gradient]:
        weight.grad = torch.tensor(given)
        nn.utils.clip_grad_norm_([weight], 1.0)
        if guard is not None:
            guard.on_pre_optimizer_step(None, None, None, optimizer=optimizer)
        optimizer.step()
    state = optimizer.state[weight]
    return weight.detach(), state["exp_avg"], state["exp_avg_sq"], state["step"]


BAD = [
    pytest.param([float("nan"), 0.1], id="nan"),
    pytest.param([float("inf"), 0.1], id="inf"),
    pytest.param([3e38, 3e38], id="norm overflows"),
]


@pytest.mark.parametrize("gradient", BAD)
def test_step_without_a_number_moves_nothing(gradient):
    """Weights, moments and AdamW's own count stay as they were, and the step is counted."""
    guard = optimiser.NonFiniteSteps()
    found = _step(gradient, guard, steps=3)
    wanted = _step([0.3, -0.2], None, steps=2)
    assert guard.count == 1
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("gradient", BAD)
def test_without_the_guard_it_would_move(gradient):
    """The guard is needed: clipping alone leaves NaN, or lets the momentum go on."""
    found = _step(gradient, None, steps=3)[0]
    assert not torch.equal(found, _step([0.3, -0.2], None, steps=2)[0])


def test_ordinary_steps_are_left_alone():
    """A finite gradient moves the weights as without the guard."""
    guard = optimiser.NonFiniteSteps()
    assert torch.equal(_step([0.1, 0.2], guard)[0], _step([0.1, 0.2], None)[0])
    assert guard.count == 0


def test_count_is_kept_and_logged():
    """What was left out before a kill is still counted after it."""
    guard = optimiser.NonFiniteSteps()
    for name, value in {"count": 3}.items():
        setattr(guard, name, value)
    assert guard.state() == {"attributes": {"count": 3}}
    logs = {"loss": 1.0}
    guard.on_log(None, None, None, logs=logs)
    assert logs["steps_left_out"] == 3
