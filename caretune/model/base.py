"""The base model on disk: built here (`rehearsal`), or a checkpoint that stays where it is.

models/base holds the tokenizer, the template and `base.json`. Of a rehearsal base it holds the
weights too; of a checkpoint only their digest, and loading compares it with the bytes found, so
that an adapter never meets another base than the one it was trained on.
"""

import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from caretune import records
from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.model import chat, checkpoint, machine

REHEARSAL = "rehearsal"
_RECORD = "base.json"
_TEMPLATE = "chat_template.jinja"


class BaseRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a base is: the content of base.json."""

    kind: Literal["rehearsal", "checkpoint"]
    source: str
    """`rehearsal`, or the hub id or folder of the checkpoint."""
    revision: str | None
    dtype: str
    """Type of the weights in memory: float32 or bfloat16."""
    template_sha256: str
    end_of_turn: str
    parameters: int
    weights_sha256: str
    """sha256 over the names and bytes of config.json and the .safetensors files."""


class Loaded(NamedTuple):
    """A base ready for use, in evaluation mode."""

    model: Any
    tokenizer: Any
    record: BaseRecord
    device: str
    """Where it computes, as torch names it; the model is there, or goes there in parts (FSDP)."""


def keep_rehearsal(model: Any, tokenizer: Any, end_of_turn: str, out: Path) -> BaseRecord:
    """Write a base that was trained here, weights included, and return its record.

    Raises:
        ModelError: The template cannot train and serve.
    """
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    record = BaseRecord(
        kind="rehearsal",
        source=REHEARSAL,
        revision=None,
        dtype="float32",
        template_sha256=_keep_tokenizer(tokenizer, end_of_turn, out),
        end_of_turn=end_of_turn,
        parameters=model.num_parameters(),
        weights_sha256=checkpoint.weights_digest(out),
    )
    records.write_json(out / _RECORD, record)
    return record


def keep_checkpoint(
    source: str,
    revision: str | None,
    *,
    dtype: str,
    template: str,
    end_of_turn: str,
    pad: str | None,
    out: Path,
) -> BaseRecord:
    """Write tokenizer, template and record of a checkpoint, without its weights.

    Args:
        source: Hub id (already downloaded) or local folder.
        revision: Commit of a hub id.
        dtype: Type of the weights in memory.
        template: Text of the chat template.
        end_of_turn: Token that ends a turn.
        pad: Token that pads, or None for the tokenizer's own.
        out: Folder to write.

    Raises:
        ModelError: The checkpoint is not there, not pinned, not safetensors, or its tokenizer and
            the template do not go together.
    """
    folder = checkpoint.locate(source, revision)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.chat_template = template
    if pad is not None:
        if pad not in tokenizer.get_vocab():
            raise ModelError(f"{source}: the tokenizer has no token {pad}; set params.base.pad.")
        tokenizer.pad_token = pad
    with torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        parameters = AutoModelForCausalLM.from_config(config).num_parameters()
    record = BaseRecord(
        kind="checkpoint",
        source=source,
        revision=revision,
        dtype=dtype,
        template_sha256=_keep_tokenizer(tokenizer, end_of_turn, out),
        end_of_turn=end_of_turn,
        parameters=parameters,
        weights_sha256=checkpoint.weights_digest(folder),
    )
    records.write_json(out / _RECORD, record)
    return record


def read_record(folder: Path) -> BaseRecord:
    """Read base.json.

    Raises:
        ModelError: It is missing or not a record of this version.
    """
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=BaseRecord)
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise ModelError(
            f"{folder / _RECORD}: missing or not a base record. Run `dvc repro base`."
        ) from error


def load(folder: Path, device: str = "auto", attention: str = "auto") -> Loaded:
    """Load the base that a folder describes, after comparing its bytes with the record.

    Args:
        folder: As `base` wrote it.
        device: See `machine.choose`.
        attention: See `machine.choose`.

    Raises:
        ModelError: The record is missing, the weights or the template are other bytes than
            recorded, a weight is no number, or this machine lacks what is asked for.
    """
    record = read_record(folder)
    on = machine.choose(device, attention, record.dtype)
    weights = _verified(folder, record)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer.padding_side = "right"  # some checkpoints' own is left; training pads on the right
    model: Any = AutoModelForCausalLM.from_pretrained(
        weights,
        dtype=getattr(torch, record.dtype),
        attn_implementation=on.attention,
        local_files_only=True,
        use_safetensors=True,
    )
    _check_numbers(model, weights)
    # An adapter's config names its base by this; a hub snapshot's path would name this machine.
    model.name_or_path = record.source if record.kind == "checkpoint" else folder.as_posix()
    # The checkpoint's own sampling defaults and special tokens would speak over ours.
    ends = sorted({tokenizer.convert_tokens_to_ids(record.end_of_turn), tokenizer.eos_token_id})
    model.config.pad_token_id = tokenizer.pad_token_id
    model.config.eos_token_id = tokenizer.eos_token_id
    model.config.bos_token_id = tokenizer.bos_token_id
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=ends, pad_token_id=tokenizer.pad_token_id
    )
    # No GPU may hold all of it: from here accelerate takes it there block by block.
    place = "cpu" if _is_spread() else on.device
    return Loaded(model.to(place).eval(), tokenizer, record, on.device)


def _is_spread() -> bool:
    """Tell whether `accelerate launch` asked for weights spread over the processes (FSDP)."""
    return os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true"


def _verified(folder: Path, record: BaseRecord) -> Path:
    """Return the folder of the weights, their bytes and the template's being those recorded."""
    local = record.kind == "rehearsal"
    weights = folder if local else checkpoint.locate(record.source, record.revision)
    found = checkpoint.weights_digest(weights)
    if found != record.weights_sha256:
        raise ModelError(
            f"{weights}: the weights have sha256 {found[:12]}, {folder / _RECORD} says "
            f"{record.weights_sha256[:12]}. Restore them, or run `dvc repro -f -s base` to take these."
        )
    if digest.sha256_file(folder / _TEMPLATE) != record.template_sha256:
        raise ModelError(f"{folder / _TEMPLATE}: altered since training. Run `dvc checkout`.")
    return weights


def _check_numbers(model: Any, weights: Path) -> None:
    """Refuse a base that could only answer NaN."""
    # A sum is finite only where all are: one pass, and no mask as large as the matrix.
    wrong = [
        name
        for name, parameter in model.named_parameters()
        if not torch.isfinite(parameter.detach().sum(dtype=torch.float32))
    ]
    if wrong:
        raise ModelError(
            f"{weights}: {len(wrong)} weights of the base hold NaN or infinity, first {wrong[0]}; "
            "take another checkpoint, or run `dvc repro -f base` to build the rehearsal base anew."
        )


def _keep_tokenizer(tokenizer: Any, end_of_turn: str, out: Path) -> str:
    """Write the tokenizer with its template, once proved, and return the template's sha256."""
    chat.check_template(tokenizer, end_of_turn)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(out)
    return digest.sha256_file(out / _TEMPLATE)
