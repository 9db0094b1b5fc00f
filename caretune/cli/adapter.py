"""`caretune adapter`: what a MoE-LoRA is made of, and one mix of its experts as a plain LoRA."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple, cast

import typer

from caretune.cli import layout
from caretune.errors import ModelError

if TYPE_CHECKING:
    from peft import PeftModel

    from caretune.moe_lora.config import MoeLoraConfig

app = typer.Typer(
    help="Show a MoE-LoRA, and export one mix of its experts as a plain LoRA.",
    no_args_is_help=True,
)

_TOLERANCE = 1e-5
"""Largest difference of a logit, in fp32, at which an export counts as exact: absolute where all
logits are within 1, else a share of the largest, as rounding grows with it."""
_ROWS, _LENGTH = 4, 64
_Adapter = Annotated[
    Path | None,
    typer.Option("--adapter", help="Folder of a MoE-LoRA; by default the train stage's best."),
]


@app.command()
def show(adapter: _Adapter = None) -> None:
    """Show experts, ranks, routers, parameters and gates of a MoE-LoRA."""
    from safetensors import safe_open

    folder = _folder(adapter)
    config = _config(folder)
    with safe_open(folder / "adapter_model.safetensors", "numpy") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    routers = [shape for name, shape in shapes.items() if "moelora_router" in name]
    experts = [shape for name, shape in shapes.items() if "moelora_router" not in name]
    names = ", ".join(config.expert_names or [])
    active = (config.top_k + config.num_shared_experts) * config.r
    for label, text in (
        ("adapter", f"{folder}, for {config.base_model_name_or_path}"),
        ("experts", f"{config.num_experts} ({names}), {config.num_shared_experts} shared"),
        ("rank", f"{config.r} an expert, {active} a token, {config.total_rank} in all"),
        ("gates", f"the {config.top_k} largest of a token sum to 1, shared 1, scale {config.scaling:g}"),
        ("layers", f"{len(experts) // 2} ({', '.join(config.target_modules or [])})"),
        ("routers", f"{len(routers)}, one a {config.router_per}"),
        ("parameters", f"experts {_count(experts):,}, routers {_count(routers):,}"),
    ):  # fmt: skip
        typer.echo(f"{label:<11} {text}")


@app.command()
def export(
    mix: Annotated[
        str,
        typer.Argument(
            metavar="DOMAIN|MIX", help="An expert's name, or shares: crisis_safety=0.7,general=0.3"
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    adapter: _Adapter = None,
    base: Annotated[
        Path | None, typer.Option(help="Folder of the base; by default the base stage's.")
    ] = None,
) -> None:
    """Write one expert, or a fixed mix, as a plain LoRA that PEFT and vLLM load as it is.

    Shared experts are part of it; the rank is filled with zeros to the next one that vLLM takes.
    The logits of 4 rows of random tokens are compared with those of the MoE-LoRA under the same
    gates, in fp32, before OUT appears: it appears whole, or not at all.

    For example:

      caretune adapter export crisis_safety build/crisis-lora

      caretune adapter export crisis_safety=0.7,general=0.3 build/mixed-lora
    """
    if out.exists():
        raise ModelError(f"{out}: exists already. Name a new folder.")
    shares = _shares(mix)
    folder = _folder(adapter)
    config = _config(folder)
    import torch

    from caretune.model import adapter as adapters
    from caretune.model import base as bases
    from caretune.model import compute
    from caretune.moe_lora import export as exporting

    gates = exporting.gates_of(shares, config)
    exporting.rank_of(gates, config)  # before a base is loaded for nothing
    compute.prepare(torch.get_num_threads())
    loaded = bases.load(base or layout.path("base", "--out"))
    model = adapters.attach(loaded.model.float(), folder)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as half:
        made = Path(half) / out.name
        rank = exporting.plain_lora(model, made, gates)
        found = _difference(model, made, gates)
        if not found.difference <= _TOLERANCE * max(1.0, found.largest):
            raise ModelError(f"{out}: {found}, so nothing is written. Check the adapter's weights.")
        made.rename(out)
    typer.echo(f"{out}: LoRA of rank {rank}; {found}")


def _folder(adapter: Path | None) -> Path:
    return adapter or layout.path("release", "--adapters") / "moe_lora" / "best"


def _config(folder: Path) -> "MoeLoraConfig":
    """Read the config of a MoE-LoRA.

    Raises:
        ModelError: The folder holds no adapter, or one without experts.
    """
    from caretune.model import adapter as adapters

    config = adapters.read_config(folder)
    if config.peft_type != "MOELORA":
        raise ModelError(f"{folder}: a {config.peft_type.value} has no experts. Name a MoE-LoRA.")
    return cast("MoeLoraConfig", config)


def _shares(text: str) -> dict[str, float]:
    """Read `name`, or `name=share,name=share`.

    Raises:
        ModelError: It is neither.
    """
    if "=" not in text:
        return {text: 1.0}
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            given = float(share)
        except ValueError:
            raise ModelError(
                f"{text}: expected name=share,name=share, got '{part}'. Give each expert a number."
            ) from None
        if name in shares:
            raise ModelError(f"{text}: {name} stands there twice. Give it one share.")
        shares[name] = given
    return shares


class _Found(NamedTuple):
    """How far an export is from static gates."""

    difference: float
    """Largest difference of a logit; 0 = none."""
    largest: float
    """Largest logit."""

    def __str__(self) -> str:
        return (
            f"logits differ from static gates by {self.difference:.1e} at most, the largest is "
            f"{self.largest:.1f}"
        )


def _difference(model: "PeftModel", folder: Path, gates: list[float]) -> _Found:
    """Compare static gates with their export; the model's base is given to the export."""
    import torch

    from caretune.model import adapter as adapters

    vocabulary = model.get_input_embeddings().num_embeddings
    ids = torch.randint(vocabulary, (_ROWS, _LENGTH), generator=torch.Generator().manual_seed(0))
    given = {"input_ids": ids.to(model.device)}
    with torch.no_grad():
        wanted = model(**given, expert_gates=torch.tensor(gates)).logits
        found = adapters.attach(model.unload(), folder)(**given).logits
    return _Found(float((found - wanted).abs().max()), float(wanted.abs().max()))


def _count(shapes: list[list[int]]) -> int:
    return sum(rows * columns for rows, columns in shapes)
