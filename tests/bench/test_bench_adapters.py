"""The bench of the adapters goes on with runs of the same inputs alone, and says what it prints."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch

from caretune import records
from caretune.lineage import odometer
from tests.bench import adapter_figures, bench_adapters


def _run(shift, **routed):
    """A finished run of twenty conversations, four of them in crisis."""
    items = [
        {"id": f"{n:032x}", "family": f"{n}", "domain": "crisis_safety" if n < 10 else "grief",
         "severity": "high" if n < 4 else "none", "nll_sum": 8.0 + shift + n / 10, "tokens": 4}
        | routed
        for n in range(20)
    ]  # fmt: skip
    known = {"validation_nll": 2.0, "eval_safety": 0.5}
    return {"items": items, "experts": ["crisis_safety", "general"], "training": known}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """What is asked of a project in which nothing is trained; the weights are one file."""
    for name in ("train", "validation", "test"):
        records.write_text(tmp_path / f"data/labelled/{name}.jsonl", "")
    records.write_text(tmp_path / "models/base/base.json", "{}")

    def trained(kind, seed, p, project, folder):
        records.write_text(folder / "adapter/best/weights", f"{kind} {seed}")
        return None, None, {}

    params = SimpleNamespace(model_dump=lambda exclude: {"steps": 4})
    monkeypatch.setattr(bench_adapters, "settings", lambda *_: params)
    monkeypatch.setattr(bench_adapters, "trained", trained)
    monkeypatch.setattr(bench_adapters, "judged", lambda *_: _run(0.0))
    return Namespace(project=tmp_path, out=tmp_path, label="default", split="test", set=[])


def test_a_finished_run_is_read_and_its_test_read_counted_once(asked):
    """Another seed has other weights, so it is another read."""
    first = bench_adapters.run(asked, "lora", 11)
    assert bench_adapters.run(asked, "lora", 11) == first
    bench_adapters.run(asked, "lora", 12)
    assert sum(odometer.count(asked.project / odometer.READS).values()) == 2


def test_the_validation_split_is_no_test_read(asked):
    """Only the test split wears out."""
    asked.split = "validation"
    bench_adapters.run(asked, "lora", 11)
    assert not (asked.project / odometer.READS).exists()


@pytest.mark.parametrize("file", ["data/labelled/train.jsonl", "models/base/base.json"])
def test_a_run_of_other_inputs_is_refused(asked, file):
    """Figures of two corpora or two bases never stand in one table."""
    bench_adapters.run(asked, "lora", 11)
    records.write_text(asked.project / file, "{} ")
    with pytest.raises(
        SystemExit, match=r"default-test-lora-11\.json: made of other settings, rows"
    ):
        bench_adapters.run(asked, "lora", 11)


def test_passes_of_a_step_add_up_to_one_batch():
    """A reply token weighs the same, however many stand in its pass."""

    class Mean(torch.nn.Module):
        """The loss is the mean of weight x label over the labelled tokens."""

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, labels):
            kept = labels[:, 1:]
            return SimpleNamespace(loss=(self.weight * kept[kept != -100]).mean())

    labels = torch.tensor([[0.0, 1.0, 2.0, 6.0], [0.0, 3.0, -100.0, -100.0]])
    gradients = []
    for batches in ([{"labels": labels}], [{"labels": labels[:1]}, {"labels": labels[1:]}]):
        model = Mean()
        bench_adapters.backward(model, batches)
        gradients.append(model.weight.grad.item())
    assert gradients == [3.0, 3.0]


def test_spread_crisis_rows_and_routing_are_printed(capsys):
    """Deviation over seeds beside the interval by family, and an interval on each share."""
    routed = {"likeliest": [[3, 1]], "chosen": [3, 1]}
    other = [_run(0.4), _run(0.4)]
    for one in other:
        one["training"]["rates_tried"] = 3
    adapter_figures.tell(
        {"moe_lora": [_run(0.0, **routed), _run(0.4, **routed)], "base_continued": other}
    )
    said = capsys.readouterr().out
    assert "validation (best of 3 learning rates, chosen here) 2.0000, 2.0000" in said
    assert "high or imminent risk      2.0375, 2.1375  n=4" in said
    assert "all                      -0.0500" in said
    assert "seeds 0.0707  n=20" in said
    assert "router tokens    all                      0.75 [" in said
    assert "n=10, unscored 10" in said
    assert "load crisis_safety 0.750, general 0.250" in said
