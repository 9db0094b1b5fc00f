"""Which experts a token uses: a router for all layers of a decoder block, or one for each layer."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  the name that torch's own documentation uses
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from caretune.errors import ModelError
from caretune.moe_lora.config import MoeLoraConfig

_CHECKPOINT = "_gradient_checkpointing_func"
"""Where transformers keeps a block's own checkpoint function once checkpointing is switched on."""


def top_k_gates(logits: Tensor, top_k: int) -> Tensor:
    """Return gates that are a softmax over each token's `top_k` largest logits, else 0.

    The same as a softmax over all experts, cut to the largest and made to sum to 1 again.

    Args:
        logits: Router logits, `(..., experts)`.
        top_k: Experts a token uses.

    Returns:
        Gates in 0..1 that sum to 1, `(..., experts)`.
    """
    if top_k == logits.shape[-1]:
        return logits.softmax(-1)
    values, experts = logits.topk(top_k, dim=-1)
    return torch.zeros_like(logits).scatter(-1, experts, values.softmax(-1))


def rank_gates(gates: Tensor, config: MoeLoraConfig) -> Tensor:
    """Spread gates over the ranks of the stacked experts, shared ones and the scale included.

    Args:
        gates: One gate an expert, `(..., experts)`.
        config: Gives rank, number of shared experts and scale.

    Returns:
        One factor a rank, `(..., (experts + shared) * r)`.
    """
    with_shared = F.pad(gates, (0, config.num_shared_experts), value=1.0) * config.scaling
    spread = with_shared.unsqueeze(-1).expand(*with_shared.shape, config.r)
    return spread.flatten(-2)  # (..., experts + shared, r) -> (..., (experts + shared) * r)


def _logits(hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return `weight @ hidden`, over the hidden state's root mean square, and 1 over that."""
    wide = hidden.float()
    length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).clamp(min=1e-6)
    inverse = math.sqrt(hidden.shape[-1]) / length
    return F.linear(wide, weight) * inverse, inverse


class _Logits(torch.autograd.Function):
    """A router's logits, once for the gates and once for its losses, from one product.

    The losses teach the router alone: through the hidden state they would bend the experts of the
    blocks before, which cost 0.003 nats a token (docs/log.md). Kept for the backward pass is the
    hidden state as it came, which the block keeps anyway; autograd would keep a fp32 copy, under
    bf16 and checkpointing nearly as much as all else (1.8x LoRA's activations).
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        logits, inverse = _logits(hidden, weight)
        ctx.save_for_backward(hidden, weight, inverse, logits)
        return logits, logits.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor]:
        hidden, weight, inverse, logits = ctx.saved_tensors
        of_gates, of_losses = gradients
        with torch.autocast(hidden.device.type, enabled=False):
            wide = hidden.float()
            both = ((of_gates + of_losses) * inverse).flatten(0, -2)  # -> (tokens, experts)
            to_weight = both.T @ wide.flatten(0, -2)  # -> (experts, hidden)
            to_hidden = None
            if ctx.needs_input_grad[0]:
                # The logits are x W / rms(x): of x itself, and of the length that divides it.
                along = (of_gates * logits).sum(-1, keepdim=True) * inverse.square()
                to_hidden = (of_gates * inverse) @ weight - wide * along / hidden.shape[-1]
                to_hidden = to_hidden.to(hidden.dtype)
        return to_hidden, to_weight


@dataclass
class Routing:
    """What the routers of one model share: gates given from outside and inputs of the call."""

    static_gates: Tensor | None = None
    """Gates set until further notice, `(experts,)`; the only ones that a merge reads."""
    call_gates: Tensor | None = None
    """Gates of the running call, `(experts,)` or `(batch, experts)`."""
    generation_gates: Tensor | None = None
    """Gates of every call of a running `generate`, as `call_gates`."""
    attention_mask: Tensor | None = None
    """1 = token, 0 = padding, `(batch, seq)`; None = no padding, as in packed rows."""
    domain_ids: Tensor | None = None
    """Expert that should take a row or token, `(batch,)` or `(batch, seq)`; -100 = any."""
    learning: bool = False
    """The running call keeps a graph; no layer of it may run without one."""


class RouterState:
    """What a router leaves for the layers it serves (`rank_gates`) and for its losses (`logits`).

    Each router has its own: gradient checkpointing replays a block's `forward` without the hook
    that routes, long after the last block was routed, and must find the gates of its own block.
    """

    def __init__(self) -> None:
        self.rank_gates: dict[str, Tensor] = {}
        self.logits: dict[str, Tensor] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle a model without the tensors of its last call."""
        return RouterState, ()


class Replay:
    """Checkpoints a block together with the gates it was routed by.

    A backward pass may replay a block after another call has routed it (two calls, one sum of
    losses), and would find the other call's gates: an error where the shapes differ, else wrong
    gradients in silence.
    """

    def __init__(self, checkpoint: Callable[..., Any], state: RouterState) -> None:
        self.checkpoint = checkpoint
        self._state = state

    def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function of the block, and each time it is replayed first put its gates back."""
        gates = dict(self._state.rank_gates)

        def replayed(*given: Any) -> Any:
            self._state.rank_gates = dict(gates)
            return function(*given)

        return self.checkpoint(replayed, *args)


class Router(nn.Module, BaseTunerLayer):
    """The router of a decoder block or of one layer; it runs before that, on the same input.

    It stands in there as a PEFT layer, so that PEFT's own switches (active adapter, delete,
    disable, save, dtype, device) reach it like any other.
    """

    # "moelora_" must not be part of its path: PEFT's delete_adapter passes over such modules.
    NAME = "expert_router"
    adapter_layer_names = ("moelora_router",)
    other_param_names = ("configs",)

    def __init__(self, owner: nn.Module, routing: Routing) -> None:
        super().__init__()
        self.routing = routing
        self.state = RouterState()
        self.configs: dict[str, MoeLoraConfig] = {}
        self.moelora_router = nn.ParameterDict()
        # A tuple, or torch would take the owner for a child of its own child.
        self._owner = (owner,)
        self._hook = owner.register_forward_pre_hook(self._route, with_kwargs=True)

    def add_adapter(self, adapter: str, config: MoeLoraConfig, width: int) -> None:
        """Add an adapter's weights, `(experts, width)`, in fp32 whatever the base is in."""
        self.configs[adapter] = config
        weight = torch.empty(config.num_experts, width, device=self._device())
        nn.init.normal_(weight, std=config.router_init_std)
        self.moelora_router[adapter] = nn.Parameter(weight)

    def forward(self, hidden: Tensor, adapter: str) -> tuple[Tensor, Tensor]:
        """Return fp32 logits twice, `(batch, seq, hidden)` -> `(batch, seq, experts)`.

        The first are for the gates, the second for the router's losses, whose gradient ends at the
        router. They do not depend on the length of the hidden state, which grows from block to block:
        the product is divided by its root mean square. Measured on five toy domains, 40 steps,
        three seeds: routing accuracy 0.98 to 1.00, without the division 0.75 to 0.85.
        """
        weight = self.moelora_router[adapter].float()
        with torch.autocast(hidden.device.type, enabled=False):
            if not torch.is_grad_enabled():  # a one-token decode is mostly calls
                return (_logits(hidden, weight)[0],) * 2
            found: tuple[Tensor, Tensor] = _Logits.apply(hidden, weight)
            return found

    def remove(self) -> None:
        """Take the router out of its block or layer."""
        owner: Any = self._owner[0]
        self._hook.remove()
        delattr(owner, self.NAME)
        if isinstance(replay := getattr(owner, _CHECKPOINT, None), Replay):
            setattr(owner, _CHECKPOINT, replay.checkpoint)

    def _route(self, owner: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.disable_adapters:
            return
        if self.routing.learning:
            checkpoint = getattr(owner, _CHECKPOINT, None)
            if checkpoint is not None and not isinstance(checkpoint, Replay):
                setattr(owner, _CHECKPOINT, Replay(checkpoint, self.state))
        hidden = args[0] if args else kwargs["hidden_states"]
        for adapter in self.active_adapters:
            if adapter in self.moelora_router:
                gates = self._gates(adapter, hidden)
                self.state.rank_gates[adapter] = rank_gates(gates, self.configs[adapter])

    def _gates(self, adapter: str, hidden: Tensor) -> Tensor:
        config, routing = self.configs[adapter], self.routing
        given = routing.static_gates if routing.call_gates is None else routing.call_gates
        if given is None:
            logits, self.state.logits[adapter] = self(hidden, adapter)
            return top_k_gates(logits, config.top_k)
        wanted = ((config.num_experts,), (hidden.shape[0], config.num_experts))
        if tuple(given.shape) not in wanted:
            raise ModelError(
                f"expert gates have shape {tuple(given.shape)}, adapter {adapter} needs "
                f"{wanted[0]} or {wanted[1]}. Give one gate an expert, for all rows or for each."
            )
        given = given.to(hidden.device, torch.float32)
        return given if given.dim() == 1 else given.unsqueeze(1)  # -> (batch, 1, experts)

    def _device(self) -> torch.device:
        return next(p.device for n, p in self._owner[0].named_parameters() if self.NAME not in n)

    # PEFT's contract for a layer. A router adds nothing to a base weight.

    def get_base_layer(self) -> nn.Module:
        """Return its block or layer; PEFT's default would return the router and ask it forever."""
        return self._owner[0]

    def merge(self, safe_merge: bool = False, adapter_names: list[str] | None = None) -> None:
        """Do nothing: only layers merge."""

    def unmerge(self) -> None:
        """Do nothing: only layers merge."""

    def _move_adapter_to_device_of_base_layer(
        self, adapter_name: str, device: torch.device | None = None
    ) -> None:
        weight = self.moelora_router.get(adapter_name)
        if weight is not None and not weight.is_meta:
            self.moelora_router[adapter_name] = weight.to(device or self._device())
