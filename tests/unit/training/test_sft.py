"""A training writes its best and last checkpoint and an honest record."""

from pathlib import Path

import pytest
import torch
from transformers import DataCollatorForSeq2Seq

from caretune import records
from caretune.errors import ModelError
from caretune.model import adapter, base
from caretune.training import rows
from caretune.training.outcome import Trained
from tests.fixtures.models import EXPERTS, dialogues, lora, moe_lora, train


@pytest.fixture(scope="module")
def trained(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trained, Path]:
    """Train a MoE-LoRA for 4 steps."""
    out = tmp_path_factory.mktemp("trained")
    found = train("moe_lora", moe_lora(), tiny_base, out / "adapter", live=out / "live")
    return found, out


def test_outputs_are_these_files(trained):
    """Two checkpoints and a record; no training_args.bin, no README, no optimizer state."""
    folder = trained[1] / "adapter"
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == [
        "best/adapter_config.json",
        "best/adapter_model.safetensors",
        "last/adapter_config.json",
        "last/adapter_model.safetensors",
        "training.json",
    ]


def test_record_says_what_was_trained(trained, tiny_base):
    """Steps, rows, experts and the base that it belongs to."""
    record = trained[0].training
    assert (record.steps, record.train_rows, record.validation_rows) == (4, 12, 4)
    assert record.expert_names == EXPERTS
    assert record.domain_of_expert == {name: name for name in EXPERTS[:4]} | {"general": None}
    assert record.base_weights_sha256 == base.load(tiny_base).record.weights_sha256
    assert records.read_json(trained[1] / "adapter" / "training.json")["steps"] == 4


def test_best_is_the_lowest_validation(trained):
    """The best step's NLL is the lowest of the history after step 0."""
    validated = [row for row in trained[0].history if "validation_nll" in row][1:]
    best = min(validated, key=lambda row: row["validation_nll"])
    record = trained[0].training
    assert (record.best_step, record.best_validation_nll) == (best["step"], best["validation_nll"])
    assert len(validated) == 2


def test_step_zero_is_the_base(trained):
    """The history begins with the base's own validation."""
    first = trained[0].history[0]
    assert first["step"] == 0
    assert first["validation_nll"] == trained[0].training.base_validation_nll


def test_it_learns_and_the_router_is_watched(trained):
    """Four steps lower the validation, and the router's figures stand in the history."""
    record = trained[0].training
    assert record.best_validation_nll < record.base_validation_nll
    last = trained[0].history[-1]
    loads = [last[f"validation_router/load/{name}"] for name in EXPERTS]
    assert sum(loads) == pytest.approx(1.0, abs=1e-5)
    assert 0 <= last["validation_router/domain_accuracy"] <= 1


def test_every_expert_is_trained(trained, tiny_base):
    """Each expert's output matrix has left zero, on every layer that has one."""
    model = adapter.attach(base.load(tiny_base).model, trained[1] / "adapter" / "last")
    outputs = [
        parameter
        for name, parameter in model.named_parameters()
        if "moelora" in name and "_B" in name
    ]
    assert len(outputs) == 2 * 7
    for matrix in outputs:
        for expert in matrix.detach().split(2, dim=1):
            assert torch.count_nonzero(expert) > 0


def test_published_adapter_is_the_validated_one(trained, tiny_base):
    """The last checkpoint, loaded anew, is the model whose figures were recorded."""
    loaded = base.load(tiny_base)
    model = adapter.attach(loaded.model, trained[1] / "adapter" / "last")
    held_out = rows.prepare(loaded.tokenizer, dialogues(16)[12:], 256, None).dataset
    batch = DataCollatorForSeq2Seq(loaded.tokenizer)(list(held_out))
    with torch.inference_mode():
        found = model(**batch).loss.item()
    assert found == pytest.approx(trained[0].history[-1]["validation_nll"], rel=1e-5)


def test_figures_of_dvclive_hold_no_time(trained):
    """Dvclive's folder has metrics and plots, and no time of day in them."""
    live = trained[1] / "live"
    assert (live / "metrics.json").is_file()
    table = (live / "plots" / "metrics" / "validation_nll.tsv").read_text(encoding="utf-8")
    assert table.splitlines()[0] == "step\tvalidation_nll"
    assert not [path for path in live.rglob("*") if path.suffix in {".html", ".yaml", ".md"}]


def test_timing_is_apart(trained):
    """Seconds and tokens a second are measured, and stand in no other part of the outcome."""
    timing = trained[0].timing
    assert 0 < timing.step_seconds * 4 < timing.seconds
    assert timing.tokens_per_second == pytest.approx(
        trained[0].training.tokens / (timing.step_seconds * 4)
    )


def test_missing_target_stops_before_training(tiny_base, tmp_path):
    """A base without the named layers is refused, and nothing is written."""
    with pytest.raises(ModelError, match="no linear layer named c_attn"):
        train(
            "lora", lora(target_modules=["c_attn"]), tiny_base, tmp_path / "a", live=tmp_path / "l"
        )
    assert not (tmp_path / "a").exists()


def test_divergence_is_said(tiny_base, tmp_path):
    """A training without a single number ends in a sentence, not in an empty folder."""
    with pytest.raises(ModelError, match=r"diverged; lower params\.train\.learning_rate"):
        train("lora", lora(), tiny_base, tmp_path / "a", live=tmp_path / "l", learning_rate=1e30)


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_is_drawn_on_a_terminal_alone(terminal, tiny_base, tmp_path, monkeypatch, capsys):
    """A pipe or a log file gets no bar."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    train("lora", lora(), tiny_base, tmp_path / "a", live=tmp_path / "l")
    assert ("Training" in capsys.readouterr().out) is terminal
