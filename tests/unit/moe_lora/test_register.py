"""PEFT knows the method under a name of ours."""

import pytest
from peft.mapping import (
    PEFT_TYPE_TO_CONFIG_MAPPING,
    PEFT_TYPE_TO_PREFIX_MAPPING,
    PEFT_TYPE_TO_TUNER_MAPPING,
)
from peft.utils.peft_types import PeftType, register_peft_method

from caretune.moe_lora import register
from caretune.moe_lora.config import MoeLoraConfig
from caretune.moe_lora.model import MoeLoraModel


def test_importing_registers() -> None:
    """The plain name, as it stands in adapter_config.json, leads to our classes."""
    assert PEFT_TYPE_TO_CONFIG_MAPPING["MOELORA"] is MoeLoraConfig
    assert PEFT_TYPE_TO_TUNER_MAPPING["MOELORA"] is MoeLoraModel
    assert PEFT_TYPE_TO_PREFIX_MAPPING["MOELORA"] == "moelora_"


def test_registering_again_changes_nothing() -> None:
    """The tables are the same after a second call."""
    tables = (PEFT_TYPE_TO_CONFIG_MAPPING, PEFT_TYPE_TO_TUNER_MAPPING, PEFT_TYPE_TO_PREFIX_MAPPING)
    before = [dict(table) for table in tables]
    register.register()
    assert [dict(table) for table in tables] == before


def test_peft_has_no_method_of_this_name() -> None:
    """The day PEFT brings its own MOELORA, ours must take another name."""
    assert "MOELORA" not in PeftType.__members__
    prefixes = [prefix for name, prefix in PEFT_TYPE_TO_PREFIX_MAPPING.items() if name != "MOELORA"]
    assert MoeLoraModel.prefix not in prefixes


def test_peft_still_registers_only_its_own_names() -> None:
    """The reason for writing into the tables; once this fails, use PEFT's own call."""
    with pytest.raises(ValueError, match="Unknown PEFT type ELSEWHERE"):
        register_peft_method(
            name="elsewhere", config_cls=MoeLoraConfig, model_cls=MoeLoraModel, prefix="elsewhere_"
        )
