"""The profiles of real bases: what is not known yet is refused, not guessed."""

from io import StringIO

import pytest
from ruamel.yaml import YAML

from caretune.cli.params import merged
from caretune.errors import ModelError
from caretune.model import checkpoint
from caretune.params import loader
from caretune.params.loader import Params
from tests.house.closure import ROOT

REAL = ["qwen2.5-0.5b", "smollm2-135m", "wayfarer-12b"]
SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def read(name: str) -> Params:
    """Return the params that a profile makes."""
    path = ROOT / f"profiles/{name}.yaml"
    text = merged(ROOT / "params.yaml", loader.read_yaml(path))
    return loader.check(path, YAML(typ="safe", pure=True).load(StringIO(text)))


@pytest.mark.parametrize("name", REAL)
def test_a_base_without_its_commit_is_refused(name):
    """The revision is for the user to set; until then one sentence says so."""
    base = read(name).base
    with pytest.raises(ModelError, match=r"needs its commit.*set params\.base\.revision"):
        checkpoint.locate(base.source, base.revision)


@pytest.mark.parametrize("name", REAL)
def test_padding_is_no_token_that_ends_a_reply(name):
    """Each profile names a padding token of its own."""
    base = read(name).base
    assert base.pad not in (None, base.end_of_turn, "<|endoftext|>", "</s>")


@pytest.mark.parametrize("name", REAL)
def test_all_seven_projections_are_adapted(name):
    """MoE-LoRA on attention and MLP alike."""
    assert read(name).train.target_modules == SEVEN


def test_the_12b_profile_asks_for_a_gpu_by_name():
    """bfloat16, packed rows of 8,192 tokens, checkpointing, a window of 12 hours."""
    params = read("wayfarer-12b")
    train = params.train
    assert (params.base.dtype, train.device) == ("bfloat16", "cuda")
    assert (train.max_length, train.packing, train.gradient_checkpointing) == (8192, True, True)
    assert train.window_hours == 12.0


def test_a_profile_that_names_a_commit_would_get_further():
    """The refusal is about the commit alone: with one, the weights are asked for."""
    with pytest.raises(ModelError, match="is not on this machine"):
        checkpoint.locate("LatitudeGames/Wayfarer-2-12B", "0" * 40)
