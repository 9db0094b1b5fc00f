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
    text = (ROOT / "params.yaml").read_text().replace("learning_rate: ", "learning_rate: 3e-4 # ")
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
