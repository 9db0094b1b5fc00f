"""What cannot be trained is said in one sentence, before anything is computed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from safetensors.torch import load_file, save_file

from caretune import records
from caretune.errors import ModelError
from caretune.model import base, checkpoint
from caretune.records import Conversation, Message
from caretune.training import sft
from tests.fixtures.models import (
    END_OF_TURN,
    TEMPLATE,
    dialogues,
    lora,
    moe_lora,
    train,
)

KINDS = pytest.mark.parametrize("config", [moe_lora, lora], ids=["moe_lora", "lora"])


@pytest.fixture
def train_on(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Give a function that trains on given rows: `train_on(config, train, validation)`."""
    whole = sft.train

    def run(
        config, rows: list[Conversation], held_out: list[Conversation], base_folder=tiny_base, **how
    ):
        monkeypatch.setattr(
            sft,
            "train",
            lambda name, loaded, config, _rows, _held_out, *args, **kwargs: whole(
                name, loaded, config, rows, held_out, *args, **kwargs
            ),
        )
        return train("a", config, base_folder, tmp_path / "a", live=tmp_path / "live", **how)

    return run


@pytest.fixture
def refused(train_on: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Give `train_on` for what is refused: the sentence, without a trainer built, a file written."""

    def run(*args, **how) -> str:
        monkeypatch.setattr(sft, "MoeTrainer", None)  # calling it would be another error
        with pytest.raises(ModelError) as error:
            train_on(*args, **how)
        assert not (tmp_path / "a").exists()
        assert not (tmp_path / "live").exists()
        return str(error.value)

    return run


def _said(*turns: str) -> Conversation:
    """Return a conversation of these turns, the client's first."""
    roles = ["user", "assistant"] * len(turns)
    return msgspec.structs.replace(
        dialogues(1)[0],
        messages=[Message(role, text) for role, text in zip(roles, turns, strict=False)],
    )


@KINDS
def test_empty_split(config, refused):
    """Neither split may be empty."""
    for rows, held_out in (([], dialogues(2)), (dialogues(2), [])):
        assert "no rows to train on or to validate with" in refused(config(), rows, held_out)


@KINDS
@pytest.mark.parametrize("batch_size", [1, 4])
def test_one_row_trains(config, batch_size, train_on):
    """One row is enough, also where a batch would hold more."""
    trained = train_on(config(), dialogues(1), dialogues(1), batch_size=batch_size)
    record = trained.training
    assert (record.train_rows, record.validation_rows, record.steps) == (1, 1, 4)
    assert record.best_validation_nll < record.base_validation_nll


def test_no_reply(refused):
    """A row that masks every token is named by its id, never by its words."""
    silent = msgspec.structs.replace(_said("only me"), id="f" * 32)
    said = refused(lora(), [*dialogues(2), silent], dialogues(2))
    assert said.startswith(f"1 rows have no reply to train on, first {'f' * 32}")
    assert "only me" not in said


def test_row_longer_than_the_context(train_on):
    """It loses its oldest messages and is counted; only a last exchange too long is clipped."""
    long = _said(*["how are you", "I am well"] * 40)
    one_exchange = _said("a " * 300, "I am well")
    rows = [*dialogues(2), long, one_exchange]
    record = train_on(lora(), rows, dialogues(2), max_length=128).training
    assert (record.rows_cut >= 1, record.rows_clipped >= 1) == (True, True)
    assert (record.train_rows, record.steps) == (4, 4)


@KINDS
def test_base_without_the_targets(config, refused):
    """A layer that the base does not have is named, with those that it has."""
    said = refused(config(target_modules=["c_attn"]), dialogues(2), dialogues(2))
    assert "has no linear layer named c_attn; it has down_proj" in said


@pytest.fixture
def altered_base(tiny_base: Path, tmp_path: Path) -> Path:
    """Copy the tiny base, one weight being NaN, with a record that names these bytes."""
    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.down_proj.weight"][3, 5] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    record = base.read_record(folder)
    found = msgspec.structs.replace(record, weights_sha256=checkpoint.weights_digest(folder))
    records.write_json(folder / "base.json", found)
    return folder


def test_nan_in_the_base(altered_base):
    """A weight that is no number is named at loading, before it trains to nothing."""
    with pytest.raises(
        ModelError, match=r"1 weights of the base hold NaN or infinity, first model\.layers\.1\.mlp"
    ):
        base.load(altered_base)


def _kept(source: Path, out: Path, template: str = TEMPLATE, **how) -> base.BaseRecord:
    values = {"dtype": "float32", "end_of_turn": END_OF_TURN, "pad": "<spare>"}
    return base.keep_checkpoint(str(source), None, template=template, out=out, **(values | how))


def test_template_without_generation_marks(llama_checkpoint, tmp_path):
    """Such a template marks no reply; the base is refused, and nothing of it is written."""
    bare = TEMPLATE.replace("{%- generation -%}", "").replace("{%- endgeneration -%}", "")
    assert bare != TEMPLATE
    with pytest.raises(ModelError, match=r"has no \{% generation %\} marks, so no reply could be"):
        _kept(llama_checkpoint, tmp_path / "base", bare)
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize("pad", ["<|end_of_text|>", END_OF_TURN])
def test_padding_that_ends_a_reply(pad, llama_checkpoint, tmp_path):
    """Padding that equals an end is refused, whichever of the two ends; a spare token is not."""
    with pytest.raises(ModelError, match="also ends a reply, so masking the padding would mask"):
        _kept(llama_checkpoint, tmp_path / "base", pad=pad)
    assert _kept(llama_checkpoint, tmp_path / "base").kind == "checkpoint"
