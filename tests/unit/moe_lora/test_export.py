"""A fixed mix of experts as a plain LoRA."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file

from caretune import records
from caretune.errors import ModelError
from caretune.moe_lora import export
from tests.fixtures import moe_lora as tiny

pytestmark = tiny.PEFT_WARNS


@pytest.mark.parametrize("build", [tiny.llama, tiny.mistral_nemo])
@pytest.mark.parametrize(
    ("gates", "rank"),
    [
        pytest.param([0.0, 0.0, 1.0, 0.0, 0.0], 8, id="one expert"),
        pytest.param([0.7, 0.0, 0.3, 0.0, 0.0], 12, id="a mix of two"),
        pytest.param([0.2, 0.2, 0.2, 0.2, 0.2], 24, id="all"),
    ],
)
def test_the_export_computes_what_static_gates_compute(
    tmp_path: Path, build, gates: list[float], rank: int
) -> None:
    """Stock PEFT loads a LoRA of the used ranks whose logits agree to 1e-5."""
    model = tiny.adapted(build(), use_rslora=True)
    assert export.plain_lora(model, tmp_path, gates) == rank
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
    with pytest.raises(ModelError, match=r"2 gates for 5 experts of default\."):
        export.plain_lora(tiny.adapted(), tmp_path / "out", [1.0, 0.0])
    assert not (tmp_path / "out").exists()
