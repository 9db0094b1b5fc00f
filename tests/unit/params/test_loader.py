"""params.yaml is checked whole before anything computes."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from caretune.errors import ParamsError
from caretune.params import loader

ROOT = Path(__file__).parents[3]


@pytest.fixture
def values():
    """The shipped params as plain values."""
    return loader.read_yaml(ROOT / "params.yaml")


def test_the_shipped_file_is_good():
    """The project's own params have no fault."""
    assert loader.load(ROOT / "params.yaml").gate.level == "rehearsal"


def test_exponents_are_numbers(tmp_path):
    """`3e-4` is a float here as in DVC (YAML 1.2), never a string."""
    path = tmp_path / "params.yaml"
    text = (
        (ROOT / "params.yaml").read_text().replace("  learning_rate: 2e-3", "  learning_rate: 3e-4")
    )
    path.write_text(text)
    assert loader.load(path).train.learning_rate == pytest.approx(3e-4)


def test_all_faults_come_at_once(values):
    """A typo, a wrong type and a value out of range are three lines of one error."""
    values["train"]["learnin_rate"] = 0.1
    values["split"]["seed"] = "23"
    values["evaluate"]["confidence"] = 1.5
    with pytest.raises(ParamsError) as caught:
        loader.check(Path("params.yaml"), values)
    message = str(caught.value)
    assert message.startswith("params.yaml has 3 faults, nothing was computed:")
    assert "train.learnin_rate: unknown key; check its spelling or remove it" in message
    assert "split.seed: input should be a valid integer, got '23'" in message
    assert "evaluate.confidence: input should be less than 1, got 1.5" in message


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("gate.candidate", "mixture", "input should be 'moe_lora' or 'lora', got 'mixture'"),
        ("gate.rules.nll_below_base.baseline", "bse", "input should be 'base', 'moe_lora' or"),
        ("ingest.sources.dialogues.sha256", "A" * 64, "string should match pattern"),
        ("train.learning_rate", float("nan"), "input should be a finite number, got nan"),
        ("gate.rules.nll_below_base.threshold", float("inf"), "input should be a finite number"),
        ("split.train_rate", 0.85, "expected less than 1 together with validation_rate"),
        (
            "base.rehearsal.hidden_size",
            254,
            "expected a multiple of attention_heads 4, got 254",
        ),
        (
            "base.rehearsal.attention_heads",
            1,
            "expected a multiple of key_value_heads 2, got 1",
        ),
        ("base.rehearsal.context", 128, "expected at least sequence 256, got 128"),
        ("train.warmup_steps", 240, "expected less than steps 240, got 240"),
        ("train.evaluations", 241, "expected at most steps 240, got 241"),
        ("train.moe_lora.top_k", 6, "expected at most the number of experts 5, got 6"),
        (
            "train.moe_lora.experts",
            ["general", "crisis_safety", "general"],
            "expected distinct names, got general more than once",
        ),
        ("train.max_length", 1025, "expected at most base.rehearsal.context 1024, got 1025"),
        ("evaluate.max_new_tokens", 1024, "expected less than base.rehearsal.context 1024, got"),
        ("service.max_new_tokens", 1024, "expected less than base.rehearsal.context 1024, got"),
    ],
)
def test_what_no_stage_could_use_is_a_fault_of_its_key(values, key, value, fault):
    """Unknown names, broken digests, infinities and contradictions come before any stage runs."""
    *sections, last = key.split(".")
    section = values
    for name in sections:
        section = section[name]
    section[last] = value
    with pytest.raises(ParamsError) as caught:
        loader.check(Path("params.yaml"), values)
    (found,) = caught.value.faults
    assert found.startswith(f"{key}: {fault}")
    assert len(found) < 160


def test_contradictions_of_one_section_are_listed_each(values):
    """Two contradictions of one section are two faults."""
    values["train"] |= {"steps": 2, "warmup_steps": 2}
    with pytest.raises(ParamsError) as caught:
        loader.check(Path("params.yaml"), values)
    assert caught.value.faults == [
        "train.warmup_steps: expected less than steps 2, got 2",
        "train.evaluations: expected at most steps 2, got 3",
    ]


def test_the_rehearsal_context_binds_the_rehearsal_base_alone(values):
    """A real base has a context of its own."""
    values["base"]["source"] = "models/mine"
    values["train"]["max_length"] = 4096
    assert loader.check(Path("params.yaml"), values).train.max_length == 4096


def test_a_missing_section_is_named(values):
    """A section that is gone is a fault."""
    del values["gate"]
    with pytest.raises(ParamsError, match="gate: missing"):
        loader.check(Path("params.yaml"), values)


def test_a_missing_file_is_one_sentence(tmp_path):
    """Outside the project root the error says where to run."""
    with pytest.raises(ParamsError, match="no such file; run from the project root"):
        loader.load(tmp_path / "params.yaml")


def test_broken_yaml_names_the_place(tmp_path):
    """Not YAML: the parser's line and column come along."""
    path = tmp_path / "params.yaml"
    path.write_text("train: [1, 2\nsplit: 3\n")
    with pytest.raises(ParamsError, match="line 2"):
        loader.load(path)


@pytest.mark.parametrize("profile", sorted(ROOT.glob("profiles/*.yaml")), ids=lambda p: p.stem)
def test_every_profile_merges_into_good_params(profile):
    """Each shipped overlay gives params without a fault."""
    from caretune.cli.params import merged

    overlay = loader.read_yaml(profile)
    text = merged(ROOT / "params.yaml", overlay)
    loader.check(profile, YAML(typ="safe", pure=True).load(text))
