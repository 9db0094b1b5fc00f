"""The GPU bench runs its code on a CPU, and says so where it measured nothing."""

import json

import pytest
import torch

from caretune.model import machine
from tests.bench import bench_gpu


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """A machine without a GPU, with one quick step."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench_gpu, "WARM_UP", 1)
    monkeypatch.setattr(bench_gpu, "STEPS", 1)
    monkeypatch.setitem(machine._MATMUL, "cpu", 64)


def test_without_a_gpu_one_sentence_says_so(capsys):
    """No figure is made up."""
    bench_gpu.main([])
    assert capsys.readouterr().out.startswith("No GPU here: nothing was measured.")


@pytest.mark.bench
def test_the_tiny_shape_runs_both_adapters(tmp_path, capsys):
    """The same steps, on a CPU: a row for each adapter, with what the planner said."""
    bench_gpu.main(["--shape", "tiny", "--out", str(tmp_path / "gpu.json")])
    rows = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert [row["adapter"] for row in rows] == ["lora", "moe_lora"]
    assert all(row["tokens_per_second"] > 0 and row["planned_gib"] > 0 for row in rows)
    assert "step time at 680: MoE-LoRA" in capsys.readouterr().out


def test_packed_rows_begin_anew_and_train_no_first_token():
    """Positions restart, and a row's first token is no target of the row before."""
    row = bench_gpu.packed(700, 50, "cpu")
    starts = row["position_ids"][0] == 0
    assert starts.nonzero().flatten().tolist() == [0, 340, 680]
    assert (row["labels"][0][starts] == -100).all()
