"""An interrupted training ends with the bytes of one that was not."""

import shutil

import pytest
import torch
from transformers import TrainerCallback

from caretune.errors import StoppedError
from caretune.lineage import digest, resume
from caretune.model import base, rehearsal
from caretune.training.budget import Limits
from caretune.training.settings import Operation
from tests.fixtures.models import dialogues, lora, moe_lora, train

STEPS = {"steps": 13, "evaluations": 4, "warmup_steps": 2}
"""Thirteen batches of four are more than four passes over the twelve rows."""


class Kill(TrainerCallback):
    """Ends a training in the middle of a step, as a signal would."""

    def __init__(self, step):
        self.step = step

    def on_pre_optimizer_step(self, args, state, control, **kwargs):
        """Raise what no one catches."""
        if state.global_step == self.step:
            raise KeyboardInterrupt


PLAIN = Operation()


def _train(folder, config, tiny_base, operation=PLAIN, **changed):
    """Train, and return the digests of all files, and the history."""
    found = train(
        "adapter", config, tiny_base, folder / "out", live=folder / "live", operation=operation,
        **(STEPS | changed),
    )  # fmt: skip
    return (
        digest.folder_files(folder / "out"),
        digest.folder_files(folder / "live"),
        found.history,
        found.training,
    )


def _killed(folder, config, tiny_base, at, **changed):
    with pytest.raises(KeyboardInterrupt):
        _train(folder, config, tiny_base, Operation(2, callbacks=(Kill(at),)), **changed)
    assert not (folder / "out").exists()
    assert not (folder / "live").exists()


@pytest.mark.parametrize(
    ("config", "changed"),
    [
        pytest.param(moe_lora(dropout=0.1), {}, id="moe_lora with dropout"),
        pytest.param(lora(), {"accumulation": 2, "batch_size": 2}, id="lora, accumulating"),
        pytest.param(moe_lora(), {"schedule": "linear", "patience": 2}, id="early stopping"),
    ],
)
def test_killed_and_resumed_is_uninterrupted(config, changed, tiny_base, tmp_path, capsys):
    """Three kills, one before any checkpoint: adapters, figures and records are equal, to the byte."""
    whole = _train(tmp_path / "whole", config, tiny_base, **changed)
    for at in (1, 4, 9):
        _killed(tmp_path / "parts", config, tiny_base, at, **changed)
    parts = _train(tmp_path / "parts", config, tiny_base, Operation(2), **changed)
    assert parts == whole
    assert "resumed from step 8" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "parts" / "resume").iterdir()] == ["lock"]


def test_killed_after_the_last_step(tiny_base, tmp_path, monkeypatch):
    """What was trained and not yet published is published, without another step."""
    whole = _train(tmp_path / "whole", lora(), tiny_base)
    monkeypatch.setattr("caretune.training.sft._publish", _raise)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "parts", lora(), tiny_base)
    monkeypatch.undo()
    assert _train(tmp_path / "parts", lora(), tiny_base) == whole


def test_early_stopping_is_remembered(tiny_base, tmp_path, monkeypatch):
    """Killed after patience had ended the training, it is not taken up again."""
    how = {"patience": 1, "min_gain": 10.0, "schedule": "constant"}
    whole = _train(tmp_path / "whole", lora(), tiny_base, **how)
    assert whole[3].steps < 13
    monkeypatch.setattr("caretune.training.sft._publish", _raise)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "parts", lora(), tiny_base, Operation(1), **how)
    monkeypatch.undo()
    assert _train(tmp_path / "parts", lora(), tiny_base, Operation(1), **how) == whole


def _raise(*_):
    raise KeyboardInterrupt


def test_a_damaged_checkpoint_costs_steps_alone(tiny_base, tmp_path, capsys):
    """A flipped byte in the newest: the one before is gone on from, to the same end."""
    whole = _train(tmp_path / "whole", lora(), tiny_base)
    _killed(tmp_path / "parts", lora(), tiny_base, 9)
    (file,) = (tmp_path / "parts/resume").glob("*/checkpoint-8/optimizer.pt")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert _train(tmp_path / "parts", lora(), tiny_base) == whole
    assert "resumed from step 6" in capsys.readouterr().out


def test_another_setting_goes_on_from_nothing(tiny_base, tmp_path, capsys):
    """A state of another learning rate is left alone, and the field is named."""
    _killed(tmp_path, lora(), tiny_base, 5)
    _train(tmp_path, lora(), tiny_base, learning_rate=1e-3)
    said = capsys.readouterr().out
    assert "resumed" not in said
    assert "learning_rate" in said


def test_window_stops_and_the_rest_is_the_same(tiny_base, tmp_path):
    """A window that is over after one step: nothing is published, and run by run it ends as uncut."""
    whole = _train(tmp_path / "whole", moe_lora(), tiny_base, steps=3)
    window = Operation(2, Limits(window_s=1e-6))
    for step in (1, 2):
        with pytest.raises(StoppedError, match=f"stopped at step {step} of 3 by the window of"):
            _train(tmp_path / "parts", moe_lora(), tiny_base, window, steps=3)
        assert not (tmp_path / "parts/out").exists()
    assert _train(tmp_path / "parts", moe_lora(), tiny_base, window, steps=3) == whole


def test_loader_processes_change_nothing(tiny_base, tmp_path):
    """Batches made by two workers give the bytes of batches made in the trainer."""
    whole = _train(tmp_path / "whole", moe_lora(), tiny_base, steps=4)
    assert _train(tmp_path / "w", moe_lora(), tiny_base, Operation(workers=2), steps=4) == whole


def test_rehearsal_base_is_resumed_to_the_bit(tiny_base, tmp_path):
    """Weights, Muon's and AdamW's moments, rates and place in the text come back."""
    recipe = rehearsal.Recipe(
        vocabulary=400, hidden_size=32, intermediate_size=64, layers=2, attention_heads=4,
        key_value_heads=2, context=512, steps=20, batch_size=4, sequence=64, learning_rate=2e-2,
        embedding_learning_rate=2e-3, weight_decay=0.1, warmup_steps=2,
    )  # fmt: skip
    words = base.load(tiny_base).tokenizer
    rows = [words(message.content).input_ids for row in dialogues(6) for message in row.messages]

    def learn(state):
        model = rehearsal.build(recipe, words, 7)
        losses = rehearsal.train(model, rows, recipe, 7, state)
        return losses, model.state_dict()

    losses, weights = learn(None)
    with resume.opened(tmp_path, {"of": 1}) as state:
        learn(state)
        shutil.rmtree(state.path(20))
        again, found = learn(state)
        assert state.begun_at == 18
    assert again == losses
    assert all(torch.equal(weights[name], found[name]) for name in weights)


def spoil(_module, _given, hidden):
    """Replace a module's output."""
    return hidden * float("nan")


class Poison(TrainerCallback):
    """Makes the last hidden state of one step NaN, as a bad row in bf16 would."""

    def on_step_begin(self, args, state, control, **kwargs):
        """Spoil the fourth step."""
        if state.global_step == 3:
            self.hook = kwargs["model"].get_base_model().model.norm.register_forward_hook(spoil)

    def on_step_end(self, args, state, control, **kwargs):
        """Spoil it alone."""
        if state.global_step == 4:
            self.hook.remove()


def test_a_step_that_is_no_number_is_gone_on_from(tiny_base, tmp_path, monkeypatch):
    """Its NaN stands among the means since the last log, and comes back from the checkpoint."""
    monkeypatch.setattr("caretune.training.sft._LOGGED_ROWS", 2)
    how = Operation(5, callbacks=(Poison(),))
    whole = _train(tmp_path / "whole", lora(), tiny_base, how)
    assert whole[3].steps_left_out == 1
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path / "parts", lora(), tiny_base, Operation(5, callbacks=(Poison(), Kill(5))))
    (kept,) = (tmp_path / "parts/resume").glob("*/checkpoint-5/progress.json")
    assert "NaN" in kept.read_text()
    assert _train(tmp_path / "parts", lora(), tiny_base, Operation(5)) == whole
