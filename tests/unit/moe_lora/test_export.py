"""A fixed mix of experts as a plain LoRA."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING
from safetensors.torch import load_file

from caretune import records
from caretune.errors import ModelError
from caretune.moe_lora import export
from tests.fixtures import moe_lora as tiny

pytestmark = [tiny.PEFT_WARNS, pytest.mark.usefixtures("router_per")]
router_per = tiny.router_per


@pytest.mark.parametrize("build", [tiny.llama, tiny.mistral_nemo])
@pytest.mark.parametrize(
    ("gates", "rank"),
    [
        pytest.param([0.0, 0.0, 1.0, 0.0, 0.0], 8, id="one expert"),
        pytest.param([0.7, 0.0, 0.3, 0.0, 0.0], 16, id="a mix of two: 12, filled up"),
        pytest.param([0.2, 0.2, 0.2, 0.2, 0.2], 32, id="all: 24, filled up"),
    ],
)
def test_the_export_computes_what_static_gates_compute(
    tmp_path: Path, monkeypatch, build, gates: list[float], rank: int
) -> None:
    """PEFT, knowing nothing of ours, loads a LoRA of a rank for vLLM whose logits agree to 1e-5."""
    model = tiny.adapted(build(), use_rslora=True)
    assert export.plain_lora(model, tmp_path, gates) == rank
    assert rank in export.RANKS
    for table in (PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING):
        monkeypatch.delitem(table, "MOELORA")
    plain = PeftModel.from_pretrained(build(), tmp_path).eval()
    assert isinstance(plain.peft_config["default"], LoraConfig)
    wanted = model(**tiny.batch(), expert_gates=torch.tensor(gates)).logits
    assert (plain(**tiny.batch()).logits - wanted).abs().max() <= 1e-5
    assert {
        len(t)
        for n, t in load_file(tmp_path / "adapter_model.safetensors").items()
        if "lora_A" in n
    } == {rank}


def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """Both files are equal, byte for byte."""
    for name in ("one", "two"):
        export.plain_lora(tiny.adapted(), tmp_path / name, [0.0, 1.0, 0.0, 0.0, 0.0])
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    targets = records.read_json(tmp_path / "one" / "adapter_config.json")["target_modules"]
    assert targets == sorted(tiny.TARGETS)


def test_a_wrong_number_of_gates_is_refused(tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(ModelError, match=r"2 gates for 5 experts\."):
        export.plain_lora(tiny.adapted(), tmp_path / "out", [1.0, 0.0])
    assert not (tmp_path / "out").exists()


def test_a_fresh_rank_is_filled_with_zeros(tmp_path: Path) -> None:
    """What the experts do not need of rank 16 adds nothing; no weight of an unused expert is kept."""
    export.plain_lora(tiny.adapted(), tmp_path, [0.5, 0.5, 0.0, 0.0, 0.0])
    for name, tensor in load_file(tmp_path / "adapter_model.safetensors").items():
        ranks = tensor if "lora_A" in name else tensor.T
        assert ranks[:12].any(dim=1).all()
        assert not ranks[12:].any()


def test_a_rank_beyond_vllm_is_refused(tmp_path: Path) -> None:
    """The largest rank that vLLM takes is 512."""
    model = tiny.adapted(r=128, num_experts=5)
    with pytest.raises(ModelError) as caught:
        export.plain_lora(model, tmp_path / "out", [0.2] * 5)
    assert str(caught.value) == (
        "this mix has rank 768, vLLM takes at most 512. Mix fewer experts."
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("needed", "rank"), [(1, 8), (16, 32), (32, 64), (33, 128), (160, 320)])
def test_ranks_go_to_the_next_that_vllm_takes(needed: int, rank: int) -> None:
    """An expert and a shared one of rank 16 make 32, one more rank in each makes 128."""
    assert export.rank_of([1.0, 0.0, 0.0, 0.0, 0.0], tiny.config(r=needed)) == rank


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        pytest.param(
            {"a": 0.5, "x": 0.3, "y": 0.2},
            "no expert is named x, y; there are a, b, c, d, e.",
            id="names",
        ),
        pytest.param(
            {"a": 0.5, "b": 0.6},
            "a mix needs shares above 0 that sum to 1, got a=0.5, b=0.6.",
            id="sum",
        ),
        pytest.param(
            {"a": 1.5, "b": -0.5},
            "a mix needs shares above 0 that sum to 1, got a=1.5, b=-0.5.",
            id="below 0",
        ),
        pytest.param(
            {"a": float("nan")},
            "a mix needs shares above 0 that sum to 1, got a=nan.",
            id="no number",
        ),
    ],
)
def test_what_is_no_mix_is_refused(mix: dict[str, float], message: str) -> None:
    """Unknown experts are named beside those that there are; shares are those of a router."""
    with pytest.raises(ModelError) as caught:
        export.gates_of(mix, tiny.config(expert_names=list("abcde")))
    assert str(caught.value) == message


def test_a_mix_by_name_is_a_gate_an_expert() -> None:
    """Experts that are not named have gate 0, and decimal shares need no exact sum."""
    mix = {"d": 0.1, "a": 0.7, "b": 0.2}
    gates = export.gates_of(mix, tiny.config(expert_names=list("abcde")))
    assert gates == [0.7, 0.2, 0.0, 0.1, 0.0]
