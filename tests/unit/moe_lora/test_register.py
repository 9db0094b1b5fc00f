"""PEFT knows the method under a name of ours."""

import pytest
from peft import PeftConfig
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
    assert taken(list(PeftType.__members__), PEFT_TYPE_TO_PREFIX_MAPPING) == []


def test_a_method_of_this_name_would_be_seen() -> None:
    """The guard above can fail, by the name and by the prefix."""
    assert taken(["LORA", "MOELORA"], {}) == ["MOELORA"]
    assert taken(["LORA", "OTHER"], {"OTHER": "moelora_"}) == ["OTHER"]


def taken(names: list[str], prefixes: dict[str, str]) -> list[str]:
    """The methods of PEFT that bear our name or our prefix."""
    ours = MoeLoraModel.prefix
    return [name for name in names if name == "MOELORA" or prefixes.get(name) == ours]


def test_without_the_import_peft_names_the_method(tmp_path, monkeypatch) -> None:
    """PEFT's error is `KeyError: 'MOELORA'`, as our docstring says; registering mends it."""
    MoeLoraConfig(target_modules=["q_proj"]).save_pretrained(tmp_path)
    monkeypatch.delitem(PEFT_TYPE_TO_CONFIG_MAPPING, "MOELORA")
    with pytest.raises(KeyError, match="MOELORA"):
        PeftConfig.from_pretrained(tmp_path)
    assert "KeyError: 'MOELORA'" in (register.__doc__ or "")
    register.register()
    assert isinstance(PeftConfig.from_pretrained(tmp_path), MoeLoraConfig)


def test_peft_still_registers_only_its_own_names() -> None:
    """The reason for writing into the tables; once this fails, use PEFT's own call."""
    with pytest.raises(ValueError, match="Unknown PEFT type ELSEWHERE"):
        register_peft_method(
            name="elsewhere", config_cls=MoeLoraConfig, model_cls=MoeLoraModel, prefix="elsewhere_"
        )
