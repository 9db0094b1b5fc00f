"""An adapter goes onto the base it was made for, on the layers that were named."""

import math
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict

from caretune import records
from caretune.errors import ModelError
from caretune.model import adapter, base
from tests.fixtures.models import END_OF_TURN, TEMPLATE, lora, moe_lora


def test_missing_target_is_named(tiny_base: Path):
    """A layer that the base lacks is an error that also lists what there is."""
    model = base.load(tiny_base).model
    with pytest.raises(ModelError) as error:
        adapter.add(model, lora(target_modules=["q_proj", "c_attn"]), 1)
    assert str(error.value) == (
        "LlamaForCausalLM has no linear layer named c_attn; it has down_proj, gate_proj, k_proj, "
        "lm_head, o_proj, q_proj, up_proj, v_proj. Mend params.train.target_modules."
    )


def test_both_kinds_have_equal_total_rank(tiny_base: Path):
    """The plain LoRA has as many weights as the experts; the routers alone come on top."""
    sizes = {}
    for name, config in (("lora", lora()), ("moe_lora", moe_lora())):
        model = adapter.add(base.load(tiny_base).model, config, 1)
        state = get_peft_model_state_dict(model)
        sizes[name] = sum(v.numel() for k, v in state.items() if "router" not in k)
    assert sizes["lora"] == sizes["moe_lora"]


def test_kinds_to_compare_with_have_total_and_active_rank():
    """Five experts and a shared one of rank 2 make 12; the two that a token uses and that one, 6."""
    assert [lora().r, moe_lora("lora_active").r, moe_lora("lora_active", top_k=5).r] == [12, 6, 12]
    assert type(moe_lora("lora_active")) is LoraConfig


@pytest.mark.parametrize("kind", ["lora", "lora_active"])
def test_scale_does_not_depend_on_rank(kind: adapter.Kind):
    """Alpha is given per rank, so all kinds scale their update alike."""
    plain = moe_lora(kind)
    assert plain.lora_alpha / plain.r == moe_lora().scaling == 2.0


@pytest.mark.parametrize("kind", ["lora", "lora_active"])
def test_rslora_has_one_alpha_and_a_scale_that_falls_with_the_root(kind: adapter.Kind, tiny_base):
    """Scale times root of the rank is the same for all kinds: alpha_per_rank times an expert's."""
    model = adapter.add(base.load(tiny_base).model, moe_lora(kind, rslora=True), 1)
    scale = model.get_base_model().model.layers[0].mlp.down_proj.scaling["default"]
    moe = moe_lora(rslora=True)
    assert moe.scaling == pytest.approx(4 / math.sqrt(2))
    assert scale * math.sqrt(moe_lora(kind).r) == pytest.approx(4)


def test_an_adapter_may_have_a_router_for_each_layer(tiny_base: Path):
    """`router_per` reaches the config, and a router each of the 14 layers."""
    model = adapter.add(base.load(tiny_base).model, moe_lora(router_per="module"), 1)
    state = get_peft_model_state_dict(model)
    assert sum("router" in name for name in state) == 14


def test_seed_decides_the_first_weights(tiny_base: Path):
    """Equal seeds start equal adapters, another seed another one."""
    first, same, other = (
        get_peft_model_state_dict(adapter.add(base.load(tiny_base).model, moe_lora(), seed))
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("kind", ["moe_lora", "lora"])
def test_saved_is_what_was_trained(kind: str, tiny_base: Path, tiny_adapters: Path, tmp_path: Path):
    """Loading and saving again gives the same bytes, and no file but the two."""
    attached = adapter.attach(base.load(tiny_base).model, tiny_adapters / kind / "last")
    adapter.save(attached, tmp_path)
    names = ["adapter_config.json", "adapter_model.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (tiny_adapters / kind / "last" / name).read_bytes()


def test_config_is_sorted(tiny_adapters: Path):
    """Target modules stand in one order; PEFT's set would change it from run to run."""
    config = records.read_json(tiny_adapters / "lora" / "best" / "adapter_config.json")
    assert config["target_modules"] == sorted(config["target_modules"])
    assert isinstance(lora().target_modules, set), "PEFT sorts by itself now: drop ours"


def test_folder_without_adapter_is_refused(tiny_base: Path, tmp_path: Path):
    """An empty folder names the file that is missing."""
    with pytest.raises(ModelError, match=r"no adapter_config\.json\. Run `dvc repro train`"):
        adapter.attach(base.load(tiny_base).model, tmp_path)


def test_adapter_of_another_base_is_refused(
    nemo_checkpoint: Path, tiny_adapters: Path, tmp_path: Path
):
    """Matrices of other sizes are one sentence, not a page of shapes."""
    base.keep_checkpoint(
        str(nemo_checkpoint),
        None,
        dtype="float32",
        template=TEMPLATE,
        end_of_turn=END_OF_TURN,
        pad=None,
        out=tmp_path / "base",
    )
    with pytest.raises(ModelError, match="was trained on another base"):
        adapter.attach(base.load(tmp_path / "base").model, tiny_adapters / "lora" / "best")


def test_adapter_for_missing_layers_is_refused(
    tiny_base: Path, tiny_adapters: Path, tmp_path: Path
):
    """An adapter whose layers the base lacks does not go on in part."""
    folder = shutil.copytree(tiny_adapters / "lora" / "best", tmp_path / "copy")
    LoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn"]).save_pretrained(str(folder))
    with pytest.raises(ModelError, match="no linear layer named c_attn"):
        adapter.attach(base.load(tiny_base).model, folder)
