"""Counts are those of the real model; estimated bytes are near the bytes that autograd keeps."""

import contextlib

import pytest
import torch
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM
from trl.trainer.utils import add_fused_lm_head

from caretune.errors import ModelError
from caretune.model import adapter
from caretune.training import footprint
from tests.fixtures.models import ROOT, moe_lora

SHAPES = ROOT / "profiles/shapes"
REHEARSAL = LlamaConfig(
    vocab_size=2048,
    hidden_size=256,
    intermediate_size=704,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
)
ROWS, LENGTH = 2, 128


def config_of(kind: str, **changed: object) -> adapter.Config:
    """Configure an adapter of total rank 48."""
    return moe_lora(kind, rank=8, **changed)


def way(**changed: object) -> footprint.Way:
    """Return a way to compute a step of the rehearsal base."""
    values = {
        "dtype": "float32",
        "attention": "sdpa",
        "batch_size": ROWS,
        "length": LENGTH,
        "packing": False,
        "gradient_checkpointing": False,
    }
    return footprint.Way(**(values | changed))


def kept_bytes(kind: str, dtype: str, *, checkpointing: bool, **changed: object) -> int:
    """Return the bytes that autograd keeps in a real training pass, weights left out."""
    torch.manual_seed(0)
    base = LlamaForCausalLM(REHEARSAL).to(getattr(torch, dtype))
    model = adapter.add(base, config_of(kind, **changed), seed=1)
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    add_fused_lm_head(model.get_base_model())
    model.train()
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(REHEARSAL.vocab_size, (ROWS, LENGTH))
    half = dtype == "bfloat16"
    cast = torch.autocast("cpu", torch.bfloat16) if half else contextlib.nullcontext()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), cast:
        loss = -model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs.mean()
        if kind == "moe_lora":
            loss = loss + model.base_model.router_losses().total
    assert loss.requires_grad  # the graph, and so each kept storage, is alive until here
    return sum(kept.values())


CASES = [
    pytest.param("lora", {}, id="lora"),
    pytest.param("moe_lora", {}, id="router per block"),
    pytest.param("moe_lora", {"router_per": "module"}, id="router per module"),
    pytest.param("lora", {"target_modules": ["q_proj", "v_proj"]}, id="two targets"),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("kind", "changed"), CASES)
def test_activations_are_estimated_within_a_tenth(kind, changed, dtype):
    """Without checkpointing, estimate and measured bytes differ by less than a tenth."""
    size = footprint.shape(REHEARSAL, config_of(kind, **changed))
    estimate = footprint.activations(size, way(dtype=dtype))
    measured = kept_bytes(kind, dtype, checkpointing=False, **changed)
    if dtype == "bfloat16":
        measured -= 2 * size.trained_parameters  # autocast's copies: the estimate's `adapter`
    assert estimate == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["lora", "moe_lora"])
def test_checkpointed_activations_are_estimated_within_a_tenth(kind, dtype):
    """With checkpointing, what the forward pass keeps; the one block recomputed later is left out."""
    size = footprint.shape(REHEARSAL, config_of(kind))
    on = footprint.activations(size, way(dtype=dtype, gradient_checkpointing=True))
    block = ROWS * LENGTH * footprint._block_bytes(size, way(dtype=dtype))
    measured = kept_bytes(kind, dtype, checkpointing=True)
    assert on - block == pytest.approx(measured, rel=0.1)


def test_dropout_keeps_a_mask():
    """A byte for each number an adapter reads, as a GPU keeps it; a CPU keeps four."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    half = way(dtype="bfloat16")
    masks = footprint.activations(size, half._replace(dropout=0.1)) - footprint.activations(
        size, half
    )
    assert masks == ROWS * LENGTH * 4 * (6 * 256 + 704)  # layers, widths of the seven inputs


@pytest.mark.parametrize(("kind", "changed"), CASES[:3])
def test_parameters_are_counted_exactly(kind, changed):
    """Base and adapter have the parameters that the real model has."""
    size = footprint.shape(REHEARSAL, config_of(kind, **changed))
    base = LlamaForCausalLM(REHEARSAL)
    assert size.parameters == base.num_parameters()
    model = adapter.add(base, config_of(kind, **changed), seed=0)
    assert size.trained_parameters == model.num_parameters(only_trainable=True)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        pytest.param("smollm2-135m", 134_515_008, id="SmolLM2-135M"),
        pytest.param("qwen2.5-0.5b", 494_032_768, id="Qwen2.5-0.5B"),
        pytest.param("wayfarer-12b", 12_247_782_400, id="Mistral-Nemo"),
    ],
)
def test_the_real_shapes_have_their_published_size(name, parameters):
    """135M, 494M and 12.2B parameters, tied ones counted once."""
    config = AutoConfig.from_pretrained(SHAPES / f"{name}.json")
    assert footprint.shape(config, config_of("moe_lora")).parameters == parameters


def test_every_profile_of_a_real_base_has_a_shape():
    """profiles/shapes holds a shape for each, and no other."""
    assert {path.stem for path in SHAPES.glob("*.json")} == {
        path.stem for path in (ROOT / "profiles").glob("*.yaml") if "source:" in path.read_text()
    }


def test_counting_leaves_the_random_state():
    """A plan changes nothing that a training draws."""
    state = torch.get_rng_state()
    footprint.shape(REHEARSAL, config_of("moe_lora"))
    assert torch.equal(torch.get_rng_state(), state)


def test_a_missing_target_is_named():
    """A base without a target module is told before any compute."""
    with pytest.raises(ModelError, match="no linear layer named qkv_proj"):
        footprint.shape(REHEARSAL, config_of("lora", target_modules=["qkv_proj"]))


@pytest.mark.parametrize(
    ("part", "bytes_each"), [("adapter", 6), ("gradients", 4), ("moments", 8)], ids=str
)
def test_a_trained_parameter_takes_18_bytes_under_autocast(part, bytes_each):
    """Float32 weight, gradient and two moments, and a bfloat16 copy."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    needed = footprint.memory(size, way(dtype="bfloat16"))
    assert getattr(needed, part) == bytes_each * size.trained_parameters


def test_the_total_is_the_sum_of_its_parts():
    """Nothing is left out of the total."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    needed = footprint.memory(size, way())
    assert needed.total == sum(needed._asdict().values())


def test_packed_rows_without_flash_attention_need_a_mask():
    """SDPA joins them to one row, kept apart by a mask of its length times its length."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    flash = footprint.activations(size, way(packing=True, attention="flash_attention_2"))
    sdpa = footprint.activations(size, way(packing=True))
    assert sdpa - flash == 2 * (ROWS * LENGTH) ** 2


def test_a_frozen_weight_costs_four_operations_and_a_trained_one_six():
    """4 N for the base, 6 N for the adapter, and PaLM's 12 L H Q T for attention."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    base = size.block_weights + size.head_weights
    attention = 12 * 4 * 256 * LENGTH  # layers, width, attended tokens
    work = footprint.work(size, LENGTH, gradient_checkpointing=False)
    assert work.model == 4 * base + 6 * size.trained_parameters + attention
    assert work.hardware == work.model + 2 * size.head_weights


def test_checkpointing_computes_each_block_twice():
    """The model's operations stay, the hardware's grow by a forward pass of the blocks."""
    size = footprint.shape(REHEARSAL, config_of("lora"))
    off = footprint.work(size, LENGTH, gradient_checkpointing=False)
    on = footprint.work(size, LENGTH, gradient_checkpointing=True)
    assert on.model == off.model
    forward = 2 * (size.block_weights + size.trained_parameters) + 4 * 4 * 256 * LENGTH
    assert on.hardware - off.hardware == forward


def test_operations_are_those_that_torch_counts():
    """The counter of torch finds the same products in a real pass, within a twentieth."""
    from torch.utils.flop_counter import FlopCounterMode

    size = footprint.shape(REHEARSAL, config_of("lora"))
    model = adapter.add(LlamaForCausalLM(REHEARSAL), config_of("lora"), seed=0).train()
    model.get_base_model().set_attn_implementation("eager")
    ids = torch.randint(REHEARSAL.vocab_size, (ROWS, LENGTH))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, labels=ids).loss.backward()
    counted = counter.get_total_flops() / (ROWS * LENGTH)
    work = footprint.work(size, LENGTH, gradient_checkpointing=False)
    assert counted == pytest.approx(work.model, rel=0.05)
