"""Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import structlog
import typer
from msgspec import structs

from caretune import process, records
from caretune.cli import stage
from caretune.errors import ParamsError
from caretune.lineage import cost, digest, resume, suppression, workspace
from caretune.lineage.suppression import Kept
from caretune.monitoring import delivery
from caretune.monitoring.training_alerts import Limits
from caretune.params import loader
from caretune.params.train import OPERATION, Train
from caretune.records import Conversation, Message
from caretune.safety.examples import LabelledMessage

log = structlog.get_logger()

_SPEED = {
    "accumulation",
    "batch_size",
    "dropout",
    "gradient_checkpointing",
    "loader",
    "max_length",
    "moe_lora",
    "objectives",
    "packing",
    "target_modules",
}
"""Fields of `train` that a measured speed holds for; machine and base come on top."""


def main(
    *,
    adapter: Literal["moe_lora", "lora", "lora_active"],
    labelled: Path,
    replies: Annotated[list[Path], typer.Option()],
    suppressed: Path,
    base: Path,
    out: Path,
    live: Path,
    timing: Path,
    scratch: Path,
    params: Path = Path("params.yaml"),
    dry_run: bool = False,
) -> None:
    """Train one adapter on the base: the MoE-LoRA, or a plain LoRA of the same total rank.

    Interrupted at any moment, it goes on from its last checkpoint in SCRATCH and ends with the
    same bytes. At params.train.window_hours or max_cost_usd it stops with exit code 75, and where
    the latter is spent already it does not begin. --dry-run prints parameters, memory, tokens,
    steps, time and cost as they are to be expected, and ends.
    """
    p = loader.load(params).train
    if not dry_run:
        stage.check_writable(out, live, timing, scratch)
    from caretune.model import adapter as adapters
    from caretune.model import base as bases
    from caretune.model import circumstances, compute, machine
    from caretune.training import budget, domains, sft, tracker

    compute.prepare(p.threads)
    record = bases.read_record(base)
    on = machine.choose(p.device, p.attention, record.dtype)
    limits = _limits(p, on.name)
    config = adapters.configure(
        adapter,
        **p.moe_lora.model_dump(),
        alpha_per_rank=p.alpha_per_rank,
        rslora=p.rslora,
        dropout=p.dropout,
        target_modules=p.target_modules,
    )
    rows = list(records.read(labelled / "train.jsonl", Conversation))
    here = circumstances.fields(p.threads, record.dtype, on.name, on.attention)
    speed = _speed(p, adapter, record.weights_sha256, here)
    if dry_run:
        lines = _expected(
            p, bases.load(base, p.device, p.attention), config, on, rows, _measured(timing, speed)
        )
        if process.is_first():
            typer.echo("\n".join(lines))
        return
    splits = [labelled / "train.jsonl", labelled / "validation.jsonl"]
    shaping = {
        "adapter": adapter,
        "base": digest.sha256_folder(base),
        **{
            f"data.{path.stem}": digest.sha256_file(path)
            for path in (*splits, *replies, suppressed)
        },
        **resume.flat(_shaping(p), "params.train."),
        **here,
    }
    budget.check(limits, resume.Resume(scratch, shaping).folder, p.steps)
    loaded = bases.load(base, p.device, p.attention)
    with (
        resume.opened(scratch, shaping) as state,
        tracker.opened(
            p.tracker, adapter, state.folder.name, resume.flat(_shaping(p), ""), workspace.root()
        ) as shown,
    ):
        # Before the training, which a domain without expert would make useless.
        classifier = (
            domains.fit(rows, p.moe_lora.experts, p.seed) if adapter == "moe_lora" else None
        )
        trained = sft.train(
            adapter,
            loaded,
            config,
            rows,
            list(records.read(labelled / "validation.jsonl", Conversation)),
            _settings(p),
            out=out,
            live=live,
            resume=state,
            device=on.name,
            replies=list(_kept(replies, suppressed)),
            operation=_operation(p, limits, (_alerting(p, adapter), *shown)),
        )
        if not process.is_first():
            return
        if classifier:
            for folder in ("best", "last"):
                classifier.write(out / folder)
        records.write_json(live / "history.json", trained.history)
        records.write_json(timing, structs.asdict(trained.timing) | {"speed_sha256": speed})
        # Last: a folder without it is not whole.
        records.write_json(out / "training.json", trained.training)
        state.clear()
    figures = trained.training
    log.info(
        "train",
        adapter=adapter,
        base_nll=round(figures.base_validation_nll, 4),
        best_nll=round(figures.best_validation_nll, 4),
        best_step=figures.best_step,
        seconds=round(trained.timing.seconds),
    )


def _kept(files: Sequence[Path], suppressed: Path) -> Iterator[LabelledMessage]:
    """Yield the labelled replies that may be learnt from."""
    kept = Kept(suppression.load(suppressed))
    for path in files:
        for row in records.read(path, LabelledMessage):
            if kept(path.stem, [Message("assistant", row.text)]):
                yield row


def _settings(p: Train) -> Any:
    """Return what shapes the weights, as the library takes it."""
    from caretune.training.objectives import Weights
    from caretune.training.settings import Settings

    own = {field.name for field in fields(Settings)}
    chosen = p.selection
    return Settings(
        **p.model_dump(include=own - {"objectives", "patience", "selection"}),
        objectives=Weights(**p.objectives.model_dump()),
        selection={"nll": chosen.nll, "safety": chosen.safety, "coherence": chosen.coherence},
        patience=chosen.patience,
        min_gain=chosen.min_gain,
        plateau_factor=p.plateau.factor,
        plateau_patience=p.plateau.patience,
    )


def _shaping(p: Train) -> dict[str, Any]:
    """Return the parameters that the weights depend on."""
    return p.model_dump(exclude=set(OPERATION))


def _alerting(p: Train, adapter: str) -> Any:
    """Return what calls for somebody when a figure crosses its limit."""
    from caretune.training.alerting import Alerting

    limits = Limits(**p.alerts.model_dump(exclude={"file", "repeat_minutes"}))
    told = delivery.begin(workspace.root(), p.alerts.file, p.alerts.repeat_minutes)
    return Alerting(limits, told, adapter)


def _limits(p: Train, device: str) -> Any:
    """Return what the training may take, as the library takes it.

    Raises:
        ParamsError: There is a budget, and the device has no price.
    """
    from caretune.training import budget

    price = cost.price(device, p.prices_usd_per_hour)
    if p.max_cost_usd is not None and price is None:
        known = ", ".join(sorted(p.prices_usd_per_hour))
        fault = f"train.prices_usd_per_hour: expected a price of {device}, got prices of {known}"
        raise ParamsError("params.yaml", [fault])
    return budget.Limits(
        window_s=p.window_hours and p.window_hours * 3600,
        max_cost_usd=p.max_cost_usd,
        # Of processors there is one machine, however many processes share it, as in `caretune cost`.
        usd_per_hour=(price or 0.0) * (1 if device == cost.CPU else _processes()),
    )


def _processes() -> int:
    """Return how many processes of `torchrun` train together, each on a device of its own."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _operation(p: Train, limits: Any, callbacks: tuple[Any, ...]) -> Any:
    """Return how to run, as the library takes it."""
    from caretune.training.settings import Operation

    return Operation(p.checkpoint_steps, limits, **p.loader.model_dump(), callbacks=callbacks)


def _speed(p: Train, adapter: str, base: str, here: Mapping[str, Any]) -> str:
    """Return the sha256 of what shapes the speed of a training, its rows and our code left out."""
    machine = {name: value for name, value in here.items() if name.startswith("machine.")}
    return digest.sha256_value(
        {"adapter": adapter, "base": base, **machine, **p.model_dump(include=_SPEED)}
    )


def _measured(timing: Path, speed: str) -> float | None:
    """Return the tokens a second of the last run, where all that shapes its speed was the same."""
    found = records.read_json(timing) if timing.exists() else {}
    return found["tokens_per_second"] if found.get("speed_sha256") == speed else None


def _expected(
    p: Train,
    loaded: Any,
    config: Any,
    on: Any,
    rows: list[Conversation],
    measured: float | None,
) -> list[str]:
    """Return the estimate of this training, line by line."""
    from caretune.model import machine
    from caretune.training import footprint, planner
    from caretune.training import rows as training_rows

    lengths = training_rows.lengths(loaded.tokenizer, rows, p.max_length)
    plan = planner.plan(
        footprint.shape(loaded.model.config, config),
        footprint.Way(
            loaded.record.dtype,
            on.attention,
            p.batch_size,
            p.max_length,
            p.packing,
            p.gradient_checkpointing,
            p.dropout,
        ),
        planner.Schedule(p.steps, p.accumulation, p.window_hours),
        planner.Device(
            on.name,
            on.memory_bytes,
            machine.peak_flops(on),
            cost.price(on.name, p.prices_usd_per_hour),
            _processes(),
        ),
        lengths,
        measured_tokens_per_second=measured,
    )
    return planner.lines(plan)


if __name__ == "__main__":
    stage.run(main)
