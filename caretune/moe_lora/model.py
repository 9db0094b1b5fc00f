"""The PEFT tuner: puts experts and routers into a model and hands out the router losses."""

from collections.abc import Sequence
from typing import Any, cast

import torch
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from caretune.errors import ModelError
from caretune.moe_lora import losses
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.layer import MoeLoraLinear
from caretune.moe_lora.router import Router, Routing


class MoeLoraModel(BaseTuner):
    """MoE-LoRA on a transformers model; built by `peft.get_peft_model` and friends.

    The model's forward takes two more keywords: `domain_ids`, `(batch,)` or `(batch, seq)` with
    -100 for unsupervised, for the domain loss; and `expert_gates`, `(experts,)` or
    `(batch, experts)`, which take the router's place for one call. `generate` takes
    `expert_gates` too.
    """

    prefix = "moelora_"
    tuner_layer_cls = BaseTunerLayer
    uses_shared_state = True

    def router_losses(self) -> losses.RouterLosses | None:
        """Return losses and figures of the last forward pass, or None where no router ran.

        No router runs with static gates, with gates for the call, or with a disabled adapter.

        Raises:
            ModelError: More than one adapter is active, or mask or ids have a wrong shape.
        """
        if len(self.active_adapters) != 1:
            raise ModelError(
                f"router losses need one active adapter, got {sorted(self.active_adapters)}. "
                "Call set_adapter with one name."
            )
        adapter = self.active_adapters[0]
        states = [router.state for router in self.routers]
        logits = [state.logits[adapter] for state in states if adapter in state.logits]
        if not logits:
            return None
        return losses.router_losses(
            torch.stack(logits),  # (batch, seq, experts) a router -> (routers, batch, seq, experts)
            self._config(adapter),
            self.routing.attention_mask,
            self.routing.domain_ids,
        )

    def clear(self) -> None:
        """Let go of the last call's logits, mask and ids; gates stay, for the backward pass."""
        self.routing.attention_mask = self.routing.domain_ids = None
        for router in self.routers:
            router.state.logits.clear()

    def set_static_gates(self, gates: Tensor | Sequence[float] | None) -> None:
        """Fix the gates of every token, or give the choice back to the routers with None.

        Args:
            gates: One gate an expert, `(experts,)`; one 1 and zeros pick a single expert.

        Raises:
            ModelError: The number of gates is not that of the active adapter's experts, or the
                adapter is merged with other gates.
        """
        if any(isinstance(m, MoeLoraLinear) and m.merged for m in self.model.modules()):
            raise ModelError(
                "static gates cannot change while an adapter is merged with them. Call "
                "unmerge_adapter first."
            )
        if gates is None:
            self.routing.static_gates = None
            return
        given = torch.as_tensor(gates, dtype=torch.float32)
        wanted = {(self._config(name).num_experts,) for name in self.active_adapters}
        if {tuple(given.shape)} != wanted:
            raise ModelError(
                f"static gates have shape {tuple(given.shape)}, the active adapter needs "
                f"{' and '.join(map(str, sorted(wanted)))}. Give one gate an expert."
            )
        self.routing.static_gates = given

    def generate(self, *args: Any, expert_gates: Tensor | None = None, **kwargs: Any) -> Any:
        """Generate as the model does; transformers refuses keywords that it does not know."""
        self.routing.generation_gates = expert_gates
        try:
            return self.model.generate(*args, **kwargs)
        finally:
            self.routing.generation_gates = None

    def _before_call(
        self, _model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Take the call's side inputs off it.

        A hook and not an override of `forward`: `generate`, and `PeftModel.forward` without a
        task type, go straight to the model.
        """
        self.clear()
        self.routing.learning = torch.is_grad_enabled()
        self.routing.domain_ids = kwargs.pop("domain_ids", None)
        self.routing.call_gates = kwargs.pop("expert_gates", self.routing.generation_gates)
        self.routing.attention_mask = kwargs.get("attention_mask", args[1] if args[1:] else None)
        return args, kwargs

    def _after_call(self, *_: Any) -> None:
        self.routing.learning = False

    # What PEFT calls.

    def _pre_injection_hook(self, *_: Any, **__: Any) -> None:
        self.routing = Routing()
        self.routers: list[Router] = []

    def _post_injection_hook(self, *_: Any, **__: Any) -> None:
        self._hooks = (
            self.model.register_forward_pre_hook(self._before_call, with_kwargs=True),
            self.model.register_forward_hook(self._after_call, always_call=True),
        )

    def _prepare_model(self, peft_config: Any, model: nn.Module) -> None:
        """Refuse targets that PEFT would pass over in silence."""
        if isinstance(peft_config.target_modules, str):
            return  # a pattern; PEFT refuses it where it matches nothing
        names = [f".{name}" for name, _ in model.named_modules()]
        targets = sorted(peft_config.target_modules)
        missing = [end for end in targets if not any(name.endswith(f".{end}") for name in names)]
        if missing:
            raise ModelError(
                f"{type(model).__name__} has no module named {', '.join(missing)}. Mend "
                "target_modules in params.train."
            )

    def _create_and_replace(
        self,
        peft_config: Any,
        adapter_name: str,
        target: nn.Module,
        target_name: str,
        parent: nn.Module,
        current_key: str,
        parameter_name: str | None = None,  # noqa: ARG002  PEFT passes it to no linear layer
    ) -> None:
        block = self._block(current_key)
        if not isinstance(target, MoeLoraLinear):
            if type(target) is not nn.Linear:
                raise ModelError(
                    f"{current_key} is a {type(target).__name__}, MoE-LoRA needs torch.nn.Linear. "
                    "Take it out of target_modules, or load the base without quantisation."
                )
            layer = MoeLoraLinear(target, self.routing)
            self._replace_module(parent, target_name, layer, target)
            target = layer
        if peft_config.router_per == "module":
            router = self._router(target)
            router.add_adapter(adapter_name, peft_config, target.base_layer.in_features)
        else:
            router = self._router(block)
            if adapter_name not in router.moelora_router:
                width = self.model.config.get_text_config().hidden_size
                router.add_adapter(adapter_name, peft_config, width)
        target.add_adapter(adapter_name, peft_config, router.state)

    def _router(self, owner: nn.Module) -> Router:
        """Return the router of a decoder block or a layer."""
        router = getattr(owner, Router.NAME, None)
        if router is None:
            router = Router(owner, self.routing)
            setattr(owner, Router.NAME, router)
            self.routers.append(router)
        return router

    def _block(self, key: str) -> nn.Module:
        """Return the innermost decoder block around a module."""
        path = key
        while path := path.rpartition(".")[0]:
            module = self.model.get_submodule(path)
            if isinstance(module, GradientCheckpointingLayer):
                return module
        raise ModelError(
            f"{key} stands in no decoder block, so no router serves it. Take it out of "
            "target_modules."
        )

    def _config(self, adapter: str) -> MoeLoraConfig:
        return cast(MoeLoraConfig, self.peft_config[adapter])

    def _unload_and_optionally_merge(self, *args: Any, **kwargs: Any) -> Any:
        """Give the base model back as it was, without routers and hooks."""
        model = super()._unload_and_optionally_merge(*args, **kwargs)
        for hook in self._hooks:
            hook.remove()
        for router in self.routers:
            router.remove()
        self.routers.clear()
        return model
