"""What training an adapter takes of a machine: parameters, bytes and floating-point operations.

Parameters are counted on the real classes, without memory (torch's meta device). Bytes kept for the
backward pass follow from what autograd saves in a Llama-like block whose own weights are frozen;
tests/unit/training/test_footprint.py compares them with the bytes that it does save.
"""

from typing import Any, NamedTuple

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn
from transformers import AutoModelForCausalLM

from caretune.model import adapter
from caretune.model.machine import FLASH
from caretune.moe_lora.config import MoeLoraConfig

_FP32 = 4
_ADAMW_MOMENTS = 2
_HEAD_ROWS, _HEAD_COLUMNS = 4096, 32768
"""Tokens and words of the tile that TRL 1.16's LM head holds (trl/kernels/chunked_logprob.py)."""
_RUNTIME_BYTES = 2**30
"""CUDA context, libraries and their workspaces; assumed, they were not measured here."""
_SAME_INPUT = ({"q_proj", "k_proj", "v_proj"}, {"gate_proj", "up_proj"})
_KEPT_ANYWAY = {"o_proj"}
"""Its input is what attention gave out, which attention keeps."""
_ROUTER = 112
"""Bytes a token that a router keeps: logits, their softmax, choices; measured, 5 experts, top 2."""


class Shape(NamedTuple):
    """The sizes of a base with an adapter on it."""

    layers: int
    hidden_size: int
    attention_width: int
    """Query heads times their width."""
    key_width: int
    """Key heads times their width."""
    heads: int
    intermediate_size: int
    parameters: int
    """Of the base."""
    trained_parameters: int
    """Of the adapter."""
    block_weights: int
    """Base weights that multiply each token, LM head left out."""
    head_weights: int
    """Weights of the LM head, tied or not."""
    rank: int
    """Of the adapter on each layer, all experts together."""
    targets: dict[str, int]
    """Adapted layers of a block by name, and the width of each one's input."""
    routed: str | None
    """`block` or `module` for a MoE-LoRA, None for a LoRA."""


class Way(NamedTuple):
    """How a step is computed, as far as it changes the bytes."""

    dtype: str
    """Of the base's weights; bfloat16 means autocast, the adapter itself stays float32."""
    attention: str
    """As transformers names it."""
    batch_size: int
    """Rows a forward pass."""
    length: int
    """Tokens of a row."""
    packing: bool
    gradient_checkpointing: bool
    dropout: float = 0.0


class Memory(NamedTuple):
    """Bytes by what they hold, at the peak of a step."""

    weights: int
    """Of the base."""
    adapter: int
    """Its float32 weights, and their bfloat16 copies under autocast."""
    gradients: int
    moments: int
    """Of AdamW, two for each trained parameter."""
    activations: int
    """What autograd keeps for the backward pass."""
    head: int
    """A tile of logits, and the gradient that comes out of the LM head, on a GPU with Triton.

    A CPU folds the tile in torch and holds about seven tiles more: measured peak of a step 890 MiB
    above the estimate, tile 128 MiB (SmolLM2's width, 8 blocks, float32, 2 rows of 512).
    """
    backward: int
    """Gradients and casts in flight inside one block; an upper bound, not measured."""
    runtime: int
    """CUDA context and libraries; assumed."""

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(self)


def shape(config: Any, adapter_config: adapter.Config) -> Shape:
    """Build a base and its adapter without memory, and return their sizes.

    Args:
        config: A transformers config (AutoConfig) of a decoder.
        adapter_config: From `adapter.configure`.

    Raises:
        ModelError: The base lacks a target module.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        base = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        parameters = base.num_parameters()
        head = base.get_output_embeddings()
        linear = [m.weight.numel() for m in base.modules() if isinstance(m, nn.Linear)]
        tuned = adapter.add(base, adapter_config, seed=0)
    moe = adapter_config if isinstance(adapter_config, MoeLoraConfig) else None
    text = config.get_text_config()
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Shape(
        layers=text.num_hidden_layers,
        hidden_size=text.hidden_size,
        attention_width=text.num_attention_heads * width,
        key_width=text.num_key_value_heads * width,
        heads=text.num_attention_heads,
        intermediate_size=text.intermediate_size,
        parameters=parameters,
        trained_parameters=tuned.num_parameters(only_trainable=True),
        block_weights=sum(linear) - head.weight.numel(),
        head_weights=head.weight.numel(),
        rank=moe.total_rank if moe else adapter_config.r,
        targets={
            name.rpartition(".")[2]: base_layer.in_features
            for name, layer in tuned.named_modules()
            if isinstance(layer, BaseTunerLayer)
            and isinstance(base_layer := layer.get_base_layer(), nn.Linear)
        },
        routed=moe.router_per if moe else None,
    )


def memory(size: Shape, way: Way) -> Memory:
    """Estimate the bytes of a training step at its peak.

    Args:
        size: From `shape`.
        way: How a step is computed.
    """
    half = way.dtype == "bfloat16"
    number = 2 if half else _FP32
    trained, tokens = size.trained_parameters, way.batch_size * way.length
    tile = min(tokens, _HEAD_ROWS) * _HEAD_COLUMNS * number
    casts = size.intermediate_size * _FP32 if half else 0
    in_flight = 2 * size.intermediate_size * number + casts + 2 * size.hidden_size * _FP32
    return Memory(
        weights=size.parameters * number,
        adapter=trained * (_FP32 + 2 * half),
        gradients=trained * _FP32,
        moments=trained * _FP32 * _ADAMW_MOMENTS,
        activations=activations(size, way),
        head=tile + tokens * size.hidden_size * _FP32,
        backward=tokens * in_flight,
        runtime=_RUNTIME_BYTES,
    )


def activations(size: Shape, way: Way) -> int:
    """Estimate the bytes that autograd keeps between a forward and its backward pass.

    With checkpointing: the input of each block, what its router keeps (a router runs outside what
    is recomputed), and one block whole, recomputed.
    """
    half = way.dtype == "bfloat16"
    number = 2 if half else _FP32
    stream = size.hidden_size * number
    block = _block_bytes(size, way)
    if way.gradient_checkpointing:
        # A block's router runs outside what is computed again.
        blocks = size.layers * (stream + (_ROUTER if size.routed == "block" else 0)) + block
    else:
        blocks = size.layers * block
    tail = size.hidden_size * _FP32 + stream  # the last norm's and the head's input
    tokens = way.batch_size * way.length
    # Packed rows of a batch are joined to one, in which a mask keeps conversations apart.
    mask = 2 * tokens**2 if way.packing and way.attention != FLASH else 0
    return tokens * (blocks + tail) + mask


def attended(way: Way, row_length: float) -> float:
    """Return the tokens that a token is multiplied with in attention, masked ones included.

    Flash attention keeps to a token's own conversation; any other way takes the whole batch of
    packed rows as one row.

    Args:
        way: How a step is computed.
        row_length: Mean tokens of a conversation.
    """
    if way.packing and way.attention != FLASH:
        return way.batch_size * way.length
    return min(row_length, way.length)


def _block_bytes(size: Shape, way: Way) -> int:
    """Return the bytes a token that one block keeps."""
    half = way.dtype == "bfloat16"
    number = 2 if half else _FP32
    norms = 2 * size.hidden_size * _FP32
    attention = (2 * size.attention_width + 2 * size.key_width) * number + size.heads * _FP32
    products = 3 * size.intermediate_size * number  # gate, its activation, up
    ranks = len(size.targets) * size.rank * number
    return norms + attention + products + ranks + _inputs(size, way) + _routing(size, half)


def _inputs(size: Shape, way: Way) -> int:
    """Return the bytes a token of the adapters' inputs: what a frozen layer alone would not keep."""
    widths = dict(size.targets)
    if way.dtype == "bfloat16" or way.dropout:  # each adapter keeps a cast or thinned copy
        mask = 1 if way.dropout else 0
        return sum(widths.values()) * ((2 if way.dtype == "bfloat16" else _FP32) + mask)
    for name in _KEPT_ANYWAY:
        widths.pop(name, None)
    for group in _SAME_INPUT:
        for name in sorted(group & set(widths))[1:]:
            del widths[name]
    return sum(widths.values()) * _FP32


def _routing(size: Shape, half: bool) -> int:
    """Return the bytes a token that a MoE-LoRA's gates and router add to a block."""
    if size.routed is None:
        return 0
    copies = len(size.targets) if half or size.routed == "module" else 1
    gates = copies * size.rank * (2 if half else _FP32)
    if size.routed == "block":
        return gates + _ROUTER
    # Under autocast each layer's own gates are there in both types.
    return gates + copies * (_ROUTER + (size.rank * _FP32 if half else 0))


class Work(NamedTuple):
    """Floating-point operations a trained token."""

    model: float
    """What the mathematics asks for; MFU counts these."""
    hardware: float
    """With all that is computed twice; what the device does."""


def work(size: Shape, row_length: float, gradient_checkpointing: bool) -> Work:
    """Count the operations of a training step, a token.

    A product costs 2 operations a weight forward and 2 for its input's gradient; only trained
    weights need 2 more for their own (6 N of PaLM, arXiv 2204.02311 appendix B; 4 N where N is
    frozen). Attention costs 12 L H Q T there, causal or not. Twice computed are the logits, which
    TRL's head drops and makes again, and with checkpointing every block.

    Args:
        size: From `shape`.
        row_length: Tokens that a token is multiplied with in attention (see `attended`).
        gradient_checkpointing: Each block is computed twice.
    """
    attention = 4 * size.layers * size.attention_width * row_length
    adapter_weights = size.trained_parameters
    model = 4 * (size.block_weights + size.head_weights) + 6 * adapter_weights + 3 * attention
    again: float = 2 * size.head_weights
    if gradient_checkpointing:
        again += 2 * size.block_weights + 2 * adapter_weights + attention
    return Work(model, model + again)
