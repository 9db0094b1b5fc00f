"""A linear layer with stacked LoRA experts."""

import math
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812  the name that torch's own documentation uses
from peft.tuners.tuners_utils import BaseTunerLayer, check_adapters_to_merge
from torch import Tensor, nn

from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.router import RouterState, Routing, rank_gates


class _GatedUp(torch.autograd.Function):
    """`(hidden * gates) @ up.T` that keeps `hidden` alone for the backward pass, as a LoRA does.

    Autograd would keep the product too: activations 1.10x LoRA's instead of 1.02x
    (`python -m tests.bench.bench_moe_lora`).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, gates: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, gates, up)
        return F.linear(hidden * gates, up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        hidden, gates, up = ctx.saved_tensors
        product = gradients[0] @ up  # (batch, seq, out) @ (out, rank) -> (batch, seq, rank)
        to_gates = (product * hidden).sum_to_size(gates.shape) if ctx.needs_input_grad[1] else None
        to_up = None
        if ctx.needs_input_grad[2]:
            to_up = gradients[0].flatten(0, -2).T @ (hidden * gates).flatten(0, -2)  # (out, rank)
        return product * gates, to_gates, to_up


class MoeLoraLinear(nn.Module, BaseTunerLayer):
    """A frozen linear layer plus experts `B @ (gates * (A @ x))`.

    All experts stand in one pair of matrices, `A: (total rank, in)` and `B: (out, total rank)`,
    and a token's gates multiply the ranks between them: two matrix products whatever the number
    of experts, the same sum as one product pair an expert (SMoRA, arXiv 2501.15103, shows the
    equivalence with a block-gated LoRA). An unused expert has gate 0 and gets no gradient.
    """

    adapter_layer_names = ("moelora_A", "moelora_B")
    other_param_names = ("configs", "states", "moelora_dropout")

    def __init__(self, base_layer: nn.Linear, routing: Routing) -> None:
        super().__init__()
        self.base_layer = base_layer
        self.routing = routing
        self.configs: dict[str, MoeLoraConfig] = {}
        self.states: dict[str, RouterState] = {}
        self.moelora_A = nn.ParameterDict()
        self.moelora_B = nn.ParameterDict()
        self.moelora_dropout = nn.ModuleDict()
        self.merged_adapters: list[str] = []

    def add_adapter(self, adapter: str, config: MoeLoraConfig, state: RouterState) -> None:
        """Add an adapter's experts; B starts at zero, so the layer's output does not change.

        Args:
            adapter: Name of the adapter.
            config: Its sizes and scale.
            state: Where its router leaves the gates for this layer.
        """
        weight = self.base_layer.weight
        rows, columns = weight.shape
        down = weight.new_empty(config.total_rank, columns)
        nn.init.kaiming_uniform_(down, a=math.sqrt(5))  # as PEFT's LoRA
        self.configs[adapter], self.states[adapter] = config, state
        self.moelora_A[adapter] = nn.Parameter(down)
        self.moelora_B[adapter] = nn.Parameter(weight.new_zeros(rows, config.total_rank))
        dropout = nn.Dropout(config.lora_dropout) if config.lora_dropout else nn.Identity()
        self.moelora_dropout[adapter] = dropout

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return the layer's output with the active adapters, `(..., in)` -> `(..., out)`."""
        if self.disable_adapters and self.merged:
            self.unmerge()
        result = self.base_layer(x, *args, **kwargs)
        if self.disable_adapters:
            return result
        if self.merged:
            if self.routing.call_gates is not None:
                raise ModelError(
                    f"{', '.join(self.merged_adapters)} is merged with fixed gates, which a call "
                    "cannot change. Call unmerge_adapter first."
                )
            return result
        for adapter in self.active_adapters:
            if adapter in self.moelora_A:
                result = result + self._update(adapter, x).to(result.dtype)
        return result

    def _update(self, adapter: str, x: Tensor) -> Tensor:
        if self.routing.learning and not torch.is_grad_enabled():
            raise ModelError(
                "reentrant gradient checkpointing cuts the routers off from their gradients. "
                "Set gradient_checkpointing_kwargs to {'use_reentrant': False}."
            )
        down, up = self.moelora_A[adapter], self.moelora_B[adapter]
        x = self.moelora_dropout[adapter](self._cast_input_dtype(x, down.dtype))
        hidden = F.linear(x, down)  # (..., in) -> (..., total rank) -> (..., out)
        gates = self.states[adapter].rank_gates[adapter].to(hidden.dtype)
        if torch.is_grad_enabled():
            return cast(Tensor, _GatedUp.apply(hidden, gates, up.to(hidden.dtype)))
        return F.linear(hidden * gates, up)  # a one-token decode takes 1.01x LoRA's time, not 1.11x

    def factors(self, adapter: str, gates: Tensor) -> tuple[Tensor, Tensor]:
        """Return A and B of the plain LoRA that fixed gates make, the scale put into B.

        Args:
            adapter: Name of the adapter.
            gates: One gate an expert, `(experts,)`.

        Raises:
            ModelError: The number of gates is not that of the adapter's experts.
        """
        if gates.shape != (self.configs[adapter].num_experts,):
            raise ModelError(
                f"{tuple(gates.shape)} gates for {self.configs[adapter].num_experts} experts of "
                f"{adapter}. Set static gates that fit this adapter."
            )
        down, up = self.moelora_A[adapter].detach(), self.moelora_B[adapter].detach()
        return down, up * rank_gates(gates.to(up), self.configs[adapter])

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Add the adapters to the base weight, with the static gates.

        Raises:
            ModelError: No static gates are set (a router's choice per token cannot be merged), or
                `safe_merge` found a weight that is not finite.
        """
        for adapter in check_adapters_to_merge(self, adapter_names):
            if adapter not in self.moelora_A:
                continue
            gates = self.routing.static_gates
            if gates is None:
                raise ModelError(
                    f"adapter {adapter} chooses experts for each token, so it has no one weight to "
                    "merge. Call set_static_gates with the gates to merge first."
                )
            merged = self.base_layer.weight.data + self._delta(adapter, gates)
            if safe_merge and not merged.isfinite().all():
                raise ModelError(f"adapter {adapter} has weights that are not finite. Train again.")
            self.base_layer.weight.data = merged
            self.merged_adapters.append(adapter)

    def unmerge(self) -> None:
        """Take every merged adapter out of the base weight again."""
        gates = cast(Tensor, self.routing.static_gates)  # they stay as long as a layer is merged
        while self.merged_adapters:
            self.base_layer.weight.data -= self._delta(self.merged_adapters.pop(), gates)

    def _delta(self, adapter: str, gates: Tensor) -> Tensor:
        down, up = self.factors(adapter, gates)
        return (up @ down).to(self.base_layer.weight.dtype)  # (out, rank) @ (rank, in)
