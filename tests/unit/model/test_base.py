"""A base is loaded as it was recorded, or not at all."""

import shutil
from pathlib import Path

import pytest
import torch

from caretune import records
from caretune.errors import ModelError
from caretune.model import base, generate
from caretune.records import Message
from tests.fixtures.models import END_OF_TURN, TEMPLATE

ASK = [[Message("user", "how are you")]]


def _keep(source: Path | str, out: Path, **changed) -> base.BaseRecord:
    values = {
        "revision": None,
        "dtype": "float32",
        "template": TEMPLATE,
        "end_of_turn": END_OF_TURN,
        "pad": None,
    }
    return base.keep_checkpoint(str(source), **(values | changed), out=out)


@pytest.fixture
def copy(tiny_base: Path, tmp_path: Path) -> Path:
    """Copy the tiny base, so that a test may alter it."""
    return shutil.copytree(tiny_base, tmp_path / "copy")


def test_rehearsal_holds_its_weights(tiny_base: Path):
    """A rehearsal base is whole in its folder, tied and in float32."""
    loaded = base.load(tiny_base)
    assert loaded.record.kind == "rehearsal"
    assert loaded.record.parameters == loaded.model.num_parameters()
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight
    assert loaded.model.dtype == torch.float32
    assert not loaded.model.training


def test_template_travels_unchanged(tiny_base: Path):
    """The template beside the tokenizer has the bytes of the template file."""
    assert (tiny_base / "chat_template.jinja").read_text(encoding="utf-8") == TEMPLATE


@pytest.mark.parametrize("name", ["llama_checkpoint", "nemo_checkpoint"])
def test_checkpoint_leaves_its_weights(name, request, tmp_path):
    """models/base of a checkpoint holds tokenizer, template and digest, and it loads and speaks."""
    source = request.getfixturevalue(name)
    record = _keep(source, tmp_path / "base", pad="<spare>")
    files = {path.name for path in (tmp_path / "base").iterdir()}
    assert files == {"base.json", "chat_template.jinja", "tokenizer.json", "tokenizer_config.json"}
    loaded = base.load(tmp_path / "base")
    assert loaded.record == record
    assert record.parameters == loaded.model.num_parameters()
    assert loaded.tokenizer.pad_token == "<spare>"
    assert generate.replies(loaded.model, loaded.tokenizer, ASK, 3, 1)[0].tokens == 3


def test_rows_are_padded_on_the_right(nemo_checkpoint: Path, tmp_path: Path):
    """A checkpoint whose tokenizer pads on the left trains as any other."""
    source = shutil.copytree(nemo_checkpoint, tmp_path / "source")
    config = records.read_json(source / "tokenizer_config.json") | {"padding_side": "left"}
    records.write_json(source / "tokenizer_config.json", config)
    _keep(source, tmp_path / "base")
    assert base.load(tmp_path / "base").tokenizer.padding_side == "right"


def test_nemo_heads_are_wider(nemo_checkpoint: Path, tmp_path: Path):
    """Mistral-Nemo's head_dim is not hidden / heads, and survives the way through."""
    _keep(nemo_checkpoint, tmp_path)
    config = base.load(tmp_path).model.config
    assert config.head_dim == 16 != config.hidden_size // config.num_attention_heads


def test_both_ends_stop_a_reply(llama_checkpoint: Path, tmp_path: Path):
    """A reply ends at the end of turn and at the tokenizer's own end."""
    _keep(llama_checkpoint, tmp_path, pad="<spare>")
    loaded = base.load(tmp_path)
    ends = loaded.tokenizer.convert_tokens_to_ids(["<|end_of_text|>", END_OF_TURN])
    assert loaded.model.generation_config.eos_token_id == sorted(ends)


def test_checkpoint_without_padding_is_refused(llama_checkpoint: Path, tmp_path: Path):
    """Llama's tokenizer has no padding; the parameter that gives one is named."""
    with pytest.raises(ModelError, match=r"set params\.base\.pad"):
        _keep(llama_checkpoint, tmp_path)


def test_unknown_padding_is_refused(llama_checkpoint: Path, tmp_path: Path):
    """A padding token that the vocabulary lacks is no padding token."""
    with pytest.raises(ModelError, match="the tokenizer has no token <void>"):
        _keep(llama_checkpoint, tmp_path, pad="<void>")


def test_altered_rehearsal_weights_are_refused(copy: Path):
    """One flipped byte of the weights is found before they are used."""
    path = copy / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        ModelError, match=r"the weights have .*base\.json says .*`dvc repro -f -s base`"
    ):
        base.load(copy)


def test_altered_checkpoint_is_refused(nemo_checkpoint: Path, tmp_path: Path):
    """A checkpoint that changed where it lies is refused."""
    source = shutil.copytree(nemo_checkpoint, tmp_path / "source")
    _keep(source, tmp_path / "base")
    with (source / "config.json").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(ModelError, match="the weights have sha256"):
        base.load(tmp_path / "base")


def test_altered_template_is_refused(copy: Path):
    """Serving never sees another template than training saw."""
    (copy / "chat_template.jinja").write_text(TEMPLATE + " ", encoding="utf-8")
    with pytest.raises(ModelError, match=r"chat_template\.jinja: altered since training"):
        base.load(copy)


def test_folder_without_record_is_refused(tmp_path: Path):
    """A folder that no stage finished is no base."""
    with pytest.raises(ModelError, match=r"base\.json: missing or not a base record"):
        base.load(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_bfloat16_needs_a_gpu(nemo_checkpoint: Path, tmp_path: Path):
    """bfloat16 on a machine without it is refused, not run slowly."""
    _keep(nemo_checkpoint, tmp_path, dtype="bfloat16")
    with pytest.raises(ModelError, match="bfloat16 needs a GPU"):
        base.load(tmp_path)
