"""What a MoE-LoRA adapter is made of; saved as adapter_config.json beside its weights."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from peft.config import PeftConfig

from caretune.errors import ModelError


class MethodName(str):
    """A PEFT method's name that PEFT's own enum does not hold; PEFT asks it for `.value`."""

    __slots__ = ()

    @property
    def value(self) -> str:
        """The name as a plain string, as an enum member would give it."""
        return str(self)


MOELORA: Any = MethodName("MOELORA")  # PEFT types its tables by its own enum


def with_sorted_sets(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with sets as sorted lists; PEFT writes them in a run's own order."""
    return {key: sorted(v) if isinstance(v, set) else v for key, v in fields.items()}


@dataclass
class MoeLoraConfig(PeftConfig):
    """Mixture of LoRA experts, and the routers that choose among them.

    Raises:
        ModelError: One or more values do not fit together; the message lists all of them.
    """

    r: int = 8
    """Rank of each expert."""
    num_experts: int = 5
    """Experts that the router chooses from."""
    top_k: int = 2
    """Experts a token uses; with 1 the router learns from its own losses only."""
    num_shared_experts: int = 1
    """Experts that every token uses, with gate 1."""
    lora_alpha: float = 16.0
    """Scale of the update: alpha over rank multiplies it (over its root with `use_rslora`)."""
    lora_dropout: float = 0.0
    """Share of a layer's inputs zeroed on the way into the experts in training, 0..1."""
    use_rslora: bool = False
    """Divide alpha by the root of the rank (rsLoRA, arXiv 2312.03732)."""
    router_per: Literal["block", "module"] = "block"
    """One router for all layers of a decoder block, on its input, or one for each layer, on its."""
    router_init_std: float = 0.02
    """Standard deviation of the routers' first weights; zero would make every top-k a tie."""
    load_balance_weight: float = 0.01
    """Weight of the load-balance loss in the total; 0 switches it off."""
    z_weight: float = 0.001
    """Weight of the router z-loss in the total; 0 switches it off."""
    domain_weight: float = 0.1
    """Weight of the router's cross-entropy against `domain_ids`; 0 switches it off."""
    domain_balance: list[float] | None = None
    """Weight of each expert's domain in that cross-entropy, so that rare ones count; None = all 1."""
    expert_names: list[str] | None = None
    """One name an expert, in the order of `domain_ids`; None leaves them unnamed."""
    target_modules: list[str] | str | None = None
    """Ends of module names, `all-linear` or a pattern; must be given."""

    def __post_init__(self) -> None:
        """Name the PEFT method, sort what becomes bytes and check the numbers."""
        super().__post_init__()
        self.peft_type = MOELORA
        if self.target_modules and not isinstance(self.target_modules, str):
            self.target_modules = sorted(self.target_modules)
        if faults := self._faults():
            raise ModelError(f"MoE-LoRA config: {'; '.join(faults)}. Mend params.train.moe_lora.")

    @property
    def total_rank(self) -> int:
        """Rank of the stacked matrices, and of a plain LoRA of the same size."""
        return (self.num_experts + self.num_shared_experts) * self.r

    @property
    def scaling(self) -> float:
        """Factor of the update."""
        return self.lora_alpha / (math.sqrt(self.r) if self.use_rslora else self.r)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as they are saved."""
        return with_sorted_sets(asdict(self))

    def _faults(self) -> list[str]:
        faults = [] if self.target_modules else ["target_modules names no module"]
        if self.r < 1:
            faults.append(f"r is {self.r}, expected at least 1")
        if self.num_shared_experts < 0:
            faults.append(f"num_shared_experts is {self.num_shared_experts}, expected at least 0")
        if not 1 <= self.top_k <= self.num_experts:
            faults.append(f"top_k is {self.top_k}, expected 1 to num_experts ({self.num_experts})")
        if self.expert_names is not None and len(self.expert_names) != self.num_experts:
            count = len(self.expert_names)
            faults.append(f"expert_names has {count} names for {self.num_experts} experts")
        if self.router_per not in ("block", "module"):
            faults.append(f"router_per is {self.router_per}, expected block or module")
        balance = self.domain_balance
        if balance is not None and len(balance) != self.num_experts:
            count = len(balance)
            faults.append(f"domain_balance has {count} weights for {self.num_experts} experts")
        if not 0 <= self.lora_dropout < 1:
            faults.append(f"lora_dropout is {self.lora_dropout}, expected 0 to less than 1")
        return faults
