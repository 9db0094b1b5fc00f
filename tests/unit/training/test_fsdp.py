"""deploy/fsdp.yaml is one that accelerate takes, and FSDP2 computes what one device computes."""

import copy

import pytest
import torch
from accelerate.commands.config.config_args import ClusterConfig
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM

from caretune.model import adapter, base, machine
from tests.fixtures.models import ROOT, moe_lora

FILE = ROOT / "deploy/fsdp.yaml"


@pytest.fixture
def plugin(monkeypatch):
    """The plugin that a launched process makes of the file: each key travels as FSDP_KEY."""
    for key, value in ClusterConfig.from_yaml_file(FILE).fsdp_config.items():
        monkeypatch.setenv(key.upper(), str(value))
    return FullyShardedDataParallelPlugin()


@pytest.fixture
def mesh(tmp_path):
    """A group of one process on the CPU."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def model() -> nn.Module:
    """Return a small bfloat16 base with a float32 MoE-LoRA that is not zero."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    made = adapter.add(LlamaForCausalLM(config).bfloat16(), moe_lora(), seed=1).train()
    for weight in made.parameters():
        if weight.requires_grad:
            nn.init.normal_(weight, std=0.05)
    return made


def gradients(made: nn.Module) -> dict[str, torch.Tensor]:
    """Return the gradients of one step, the router's losses included."""
    ids = torch.arange(48).reshape(2, 24) % 64
    loss = made(input_ids=ids, labels=ids, domain_ids=torch.tensor([0, 1])).loss
    (loss + made.base_model.router_losses().total).backward()
    found = {}
    for name, weight in made.named_parameters():
        if weight.grad is not None:
            grad = weight.grad
            found[name] = grad.full_tensor() if hasattr(grad, "full_tensor") else grad
    return found


def test_accelerate_reads_the_file():
    """Every key is known to accelerate, and the file asks for FSDP2 in bf16."""
    config = ClusterConfig.from_yaml_file(FILE)
    assert config.distributed_type == DistributedType.FSDP
    assert config.mixed_precision == "bf16"
    assert config.fsdp_config["fsdp_version"] == 2


def test_an_unknown_key_would_be_refused(tmp_path):
    """The keys of a file are checked by accelerate."""
    path = tmp_path / "fsdp.yaml"
    path.write_text(FILE.read_text() + "shards: 2\n")
    with pytest.raises(ValueError, match="unknown keys"):
        ClusterConfig.from_yaml_file(path)


def test_every_fsdp_key_is_an_option_of_the_launcher():
    """Keys travel as options of the launcher, unknown ones in silence."""
    from accelerate.commands.launch import launch_command_parser

    options = {action.dest for action in launch_command_parser()._actions}
    assert set(ClusterConfig.from_yaml_file(FILE).fsdp_config) <= options


def test_the_plugin_wraps_by_decoder_layer(plugin):
    """FSDP2, by the layer that the model itself names, gathered anew for the backward pass."""
    plugin.set_auto_wrap_policy(model())
    assert plugin.fsdp_version == 2
    assert plugin.transformer_cls_names_to_wrap == ["LlamaDecoderLayer"]
    assert plugin.reshard_after_forward is True


@pytest.mark.parametrize("checkpointing", [False, True], ids=["plain", "checkpointing"])
def test_sharded_gradients_are_those_of_one_device(mesh, checkpointing):
    """A frozen bfloat16 base and a float32 adapter and routers in one block: equal gradients."""
    alone = model()
    if checkpointing:
        alone.enable_input_require_grads()
        alone.activation_checkpointing_enable({"use_reentrant": False})
    sharded = copy.deepcopy(alone)
    for block in sharded.get_base_model().model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(sharded, mesh=mesh)
    expected, found = gradients(alone), gradients(sharded)
    assert expected.keys() == found.keys()
    assert any("expert_router" in name for name in expected)
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_spread_weights_are_written_whole(mesh, tmp_path):
    """An adapter in parts has the bytes of one in one piece."""
    alone = model()
    adapter.save(alone, tmp_path / "alone")
    for block in alone.get_base_model().model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(alone, mesh=mesh)
    adapter.save(alone, tmp_path / "spread")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / "spread" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    """The others take part in gathering, and leave the files to it."""
    monkeypatch.setenv("RANK", "1")
    adapter.save(model(), tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(("spread", "place"), [("true", "cpu"), ("false", "meta")])
def test_a_base_to_be_spread_goes_whole_to_no_device(tiny_base, monkeypatch, spread, place):
    """Under FSDP it stays on the CPU, and is known to compute on the device."""
    on = machine.Machine("meta", "a GPU", "float32", "sdpa", 0)
    monkeypatch.setattr(machine, "choose", lambda *_: on)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", spread)
    loaded = base.load(tiny_base)
    assert {weight.device.type for weight in loaded.model.parameters()} == {place}
    assert loaded.device == "meta"
