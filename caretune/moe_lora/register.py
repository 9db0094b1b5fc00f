"""Makes MoE-LoRA known to PEFT; import this module wherever such an adapter is built or loaded.

Without it PEFT ends in `KeyError: 'MOELORA'` on reading an adapter's config.
"""

from peft.mapping import (
    PEFT_TYPE_TO_CONFIG_MAPPING,
    PEFT_TYPE_TO_PREFIX_MAPPING,
    PEFT_TYPE_TO_TUNER_MAPPING,
)

from caretune.moe_lora.config import MOELORA, MoeLoraConfig
from caretune.moe_lora.model import MoeLoraModel


def register() -> None:
    """Enter MoE-LoRA into PEFT's tables; doing it again changes nothing.

    PEFT's own `register_peft_method` takes only names of its enum (0.21.2).
    """
    PEFT_TYPE_TO_CONFIG_MAPPING[MOELORA] = MoeLoraConfig
    PEFT_TYPE_TO_TUNER_MAPPING[MOELORA] = MoeLoraModel
    PEFT_TYPE_TO_PREFIX_MAPPING[MOELORA] = MoeLoraModel.prefix


register()
