"""`caretune plan`: what a profile would take of a GPU that need not be here."""

import json
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from caretune import records
from caretune.cli import layout
from caretune.cli.params import merged
from caretune.errors import ModelError, ParamsError
from caretune.lineage import cost
from caretune.params import loader
from caretune.params.train import Train
from caretune.records import Conversation

_CHARACTERS_A_TOKEN = 4
"""Of English; assumed, for the base's own tokenizer need not be here."""
_WINDOW_HOURS = 12.0
"""Of the table, where the profile has no window; assumed."""


def plan(
    profile: Annotated[Path, typer.Argument(help="Overlay, such as profiles/wayfarer-12b.yaml.")],
    gpu: Annotated[str, typer.Option(help="a100-80gb, h100-80gb or h200-141gb.")] = "h100-80gb",
    config: Annotated[
        Path | None, typer.Option(help="config.json of the base; else profiles/shapes has it.")
    ] = None,
) -> None:
    r"""Show memory, tokens, steps, time and cost of a profile on a GPU, and what else would fit.

    Nothing is fetched and no weight is read: the shape of the base is enough. Where it says assumed,
    no measurement stands behind it.

    \b
    Examples:
      caretune plan profiles/wayfarer-12b.yaml
      caretune plan profiles/qwen2.5-0.5b.yaml --gpu a100-80gb
      caretune plan my.yaml --config my-base/config.json
    """
    from caretune.model import adapter, machine
    from caretune.training import footprint, planner

    if gpu not in machine.GPUS:
        raise ParamsError(
            "caretune plan", [f"--gpu: expected {', '.join(machine.GPUS)}, got {gpu}"]
        )
    text = merged(Path("params.yaml"), loader.read_yaml(profile) or {})
    params = loader.check(profile, YAML(typ="safe", pure=True).load(StringIO(text)))
    p = params.train
    shape_file = config or _shape_file(profile, params.base.source)
    size = footprint.shape(
        _shape(shape_file),
        adapter.configure(
            "moe_lora",
            **p.moe_lora.model_dump(),
            alpha_per_rank=p.alpha_per_rank,
            dropout=p.dropout,
            target_modules=p.target_modules,
        ),
    )
    way = footprint.Way(
        dtype=params.base.dtype,
        attention="sdpa" if p.attention == "auto" else p.attention,
        batch_size=p.batch_size,
        length=p.max_length,
        packing=p.packing,
        gradient_checkpointing=p.gradient_checkpointing,
        dropout=p.dropout,
    )
    stated = machine.GPUS[gpu]
    device = planner.Device(
        name=gpu,
        memory_bytes=stated.memory_bytes,
        peak_flops=machine.stated_flops(stated, params.base.dtype),
        usd_per_hour=cost.price(stated.name, p.prices_usd_per_hour),
    )
    lengths, said = _lengths(p)
    schedule = planner.Schedule(p.steps, p.accumulation, p.window_hours)
    made = planner.plan(size, way, schedule, device, lengths)
    mean = made.epoch_tokens / len(lengths)
    typer.echo(f"shape        {shape_file}\nrows         {said}")
    typer.echo("\n".join(planner.lines(made)))
    hours = p.window_hours or _WINDOW_HOURS
    window = f"{hours:g} h" if p.window_hours else f"{hours:g} h (assumed: it has no window)"
    rows = f"{'packed' if p.packing else 'unpacked'} rows, {way.attention}"
    typer.echo(f"\nthe quickest that fits {gpu}, and how far {window} go, {rows}:")
    options = planner.recommend(size, way, device, hours, row_length=mean)
    typer.echo("\n".join(planner.option_lines(options)))


def _shape(file: Path) -> Any:
    """Read the config of a base; a name that is no file is never looked up elsewhere."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import CONFIG_MAPPING, AutoConfig

    try:
        read = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{file}: {error.strerror or 'not to be read'}. Name the base's config.json by --config."
        ) from None
    except ValueError:
        raise ModelError(f"{file}: not JSON. Name the base's config.json by --config.") from None
    kind = read.get("model_type") if isinstance(read, dict) else None
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise ModelError(
            f"{file}: has no `model_type` that transformers knows. Name the base's config.json by "
            "--config."
        )
    try:
        return AutoConfig.from_pretrained(file, local_files_only=True)
    except (StrictDataclassError, ArithmeticError) as error:
        raise ModelError(
            f"{file}: not the config of a model: {' '.join(str(error).split())}. Mend it, or name "
            "the base's config.json by --config."
        ) from None


def _shape_file(profile: Path, source: str) -> Path:
    found = [
        path
        for path in (
            Path(source) / "config.json",
            profile.parent / "shapes" / f"{profile.stem}.json",
        )
        if path.is_file()
    ]
    if not found and source == "rehearsal":
        raise ModelError(
            f"{profile}: its base is trained here and has no config.json yet. `python -m stages.train "
            "--dry-run` plans it (docs/ops/training.md), or name the base's config.json by --config."
        )
    if not found:
        raise ModelError(
            f"{source}: its shape is not known here; name the base's config.json by --config."
        )
    return found[0]


def _lengths(p: Train) -> tuple[list[int], str]:
    """Return the tokens of each train row, by its characters, and how that was found."""
    file = layout.path("train", "--labelled") / "train.jsonl"
    if not file.is_file():
        return [p.max_length], f"none at {file}: one of {p.max_length} tokens stands for all"
    lengths = [
        max(1, sum(len(m.content) for m in row.messages) // _CHARACTERS_A_TOKEN)
        for row in records.read(file, Conversation)
    ]
    return (
        lengths,
        f"{len(lengths):,} of {file}, {_CHARACTERS_A_TOKEN} characters a token (assumed)",
    )
