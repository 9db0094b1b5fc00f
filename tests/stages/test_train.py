"""The train stage trains either adapter on the base, and writes what the map promises."""

import subprocess
import sys
from pathlib import Path

import pytest

from caretune import records
from caretune.errors import ParamsError
from caretune.model import adapter, base
from stages import train as stage
from tests.fixtures.models import ROOT, dialogues

SMALL = {
    "steps": 2,
    "batch_size": 2,
    "max_length": 128,
    "warmup_steps": 0,
    "evaluations": 1,
    "threads": 1,
}


def _run(kind: str, folder: Path, params: Path, base_folder: Path) -> Path:
    rows = dialogues(20)
    records.write(folder / "labelled" / "train.jsonl", rows[:16])
    records.write(folder / "labelled" / "validation.jsonl", rows[16:])
    stage.main(
        adapter=kind,
        labelled=folder / "labelled",
        replies=[ROOT / "data/raw/messages_therapeutic.jsonl"],
        suppressed=ROOT / "data/suppressed.jsonl",
        base=base_folder,
        out=folder / "adapter",
        live=folder / "live",
        timing=folder / "timing.json",
        scratch=folder / "resume",
        params=params,
    )
    return folder


@pytest.mark.parametrize("kind", ["moe_lora", "lora"])
def test_adapter_is_trained(kind, tmp_path, write_params, tiny_base):
    """Both items of the matrix give an adapter that goes onto the base, its record and figures."""
    folder = _run(kind, tmp_path, write_params({"train": SMALL}), tiny_base)
    model = adapter.attach(base.load(tiny_base).model, folder / "adapter" / "best")
    assert model.peft_config["default"].peft_type.lower() == kind.replace("_", "")
    record = records.read_json(folder / "adapter" / "training.json")
    assert (record["adapter"], record["steps"], record["train_rows"]) == (kind, 2, 16)
    history = records.read_json(folder / "live" / "history.json")
    assert [row["step"] for row in history] == [0, 1, 2]
    assert set(records.read_json(folder / "timing.json")) == {
        "seconds",
        "step_seconds",
        "tokens_per_second",
        "device",
    }


def test_plain_lora_has_the_total_rank(tmp_path, write_params, tiny_base):
    """The baseline's rank is that of all experts and shared experts together."""
    folder = _run("lora", tmp_path, write_params({"train": SMALL}), tiny_base)
    config = records.read_json(folder / "adapter" / "best" / "adapter_config.json")
    assert config["r"] == (5 + 1) * 8


def test_wrong_params_stop_it(tmp_path, write_params, tiny_base):
    """A fault anywhere in params is found before anything is computed."""
    params = write_params({"train": SMALL | {"steps": "many"}, "base": {"sead": 1}})
    with pytest.raises(ParamsError, match="2 faults"):
        _run("lora", tmp_path, params, tiny_base)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("name", ["base", "train"])
def test_model_libraries_wait_for_the_work(name):
    """Importing a stage loads no model library: --help is quick, and offline is set in time."""
    code = f"import sys, stages.{name}; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
