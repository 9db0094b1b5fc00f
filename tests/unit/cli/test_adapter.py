"""`caretune adapter`: what it shows, and an export that is exact or not there."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from caretune import records
from caretune.cli import adapter as command
from caretune.errors import ModelError
from caretune.model import adapter, base

DVC = """stages:
  base: {cmd: python -m stages.base --out models/base}
  release: {cmd: python -m stages.release --adapters models/adapter}
"""


@pytest.fixture
def project(
    tiny_base: Path, tiny_adapters: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project folder with the tiny base and its adapters."""
    (tmp_path / "dvc.yaml").write_text(DVC)
    shutil.copytree(tiny_base, tmp_path / "models/base")
    shutil.copytree(tiny_adapters, tmp_path / "models/adapter")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(command.app, list(arguments))


def refusal(*arguments: str) -> str:
    """Run the command and return the error it ends in."""
    error = call(*arguments).exception
    assert isinstance(error, ModelError), error
    return str(error)


def test_show_tells_what_an_adapter_is_made_of(project: Path) -> None:
    """Experts, ranks, gates, layers, routers and parameters, counted in the weights."""
    result = call("show")
    assert result.exit_code == 0, result.output
    lines = dict(line.split(maxsplit=1) for line in result.output.splitlines())
    state = load_file(project / "models/adapter/moe_lora/best/adapter_model.safetensors")
    experts = sum(t.numel() for name, t in state.items() if "router" not in name)
    assert lines["adapter"].startswith("models/adapter/moe_lora/best, for ")
    assert "bias_awareness" in lines.pop("experts")
    assert lines["rank"] == "2 an expert, 6 a token, 12 in all"
    assert lines["gates"] == "the 2 largest of a token sum to 1, shared 1, scale 2"
    assert lines["layers"].startswith("14 (down_proj, gate_proj, ")
    assert lines["routers"] == "2, one a block"
    assert lines["parameters"] == f"experts {experts:,}, routers {2 * 5 * 32}"


@pytest.mark.parametrize(
    ("mix", "gates"),
    [
        pytest.param("crisis_safety", [0.0, 0.0, 1.0, 0.0, 0.0], id="one expert"),
        pytest.param("crisis_safety=0.7,general=0.3", [0.0, 0.0, 0.7, 0.0, 0.3], id="a mix"),
    ],
)
def test_an_export_answers_as_static_gates(project: Path, mix: str, gates: list[float]) -> None:
    """A plain LoRA of a rank for vLLM appears, alone, and the difference is told."""
    result = call("export", mix, "build/lora")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("build/lora: LoRA of rank 8; logits differ from static gates")
    assert [path.name for path in (project / "build").iterdir()] == ["lora"]
    ids = torch.tensor([[5, 6, 7, 8]])
    routed = adapter.attach(
        base.load(project / "models/base").model, Path("models/adapter/moe_lora/best")
    )
    wanted = routed(input_ids=ids, expert_gates=torch.tensor(gates)).logits
    plain = adapter.attach(base.load(project / "models/base").model, project / "build/lora")
    assert plain.peft_config["default"].peft_type.value == "LORA"
    assert (plain(input_ids=ids).logits - wanted).abs().max() <= 1e-5


def test_exporting_twice_gives_the_same_bytes(project: Path) -> None:
    """Two folders, equal files, that everybody may read."""
    for out in ("one", "two"):
        assert call("export", "general", out).exit_code == 0
    names = sorted(path.name for path in (project / "one").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    for name in names:
        one, two = project / "one" / name, project / "two" / name
        assert one.read_bytes() == two.read_bytes()
        assert one.stat().st_mode & 0o444 == 0o444


def test_what_exists_is_not_written_over(project: Path) -> None:
    """An empty folder counts too."""
    (project / "out").mkdir()
    assert refusal("export", "general", "out") == "out: exists already. Name a new folder."
    assert not list((project / "out").iterdir())


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ("nobody", "no expert is named nobody; there are mental_health_support, "),
        ("general=0.7", "a mix needs shares above 0 that sum to 1, got general=0.7."),
        ("general=1,x", "expected name=share,name=share, got 'x'. Give each expert a number."),
        ("general=0.5,general=0.5", "general stands there twice. Give it one share."),
    ],
)
def test_what_is_no_mix_is_refused(project: Path, mix: str, message: str) -> None:
    """Before the base is loaded, and nothing is written."""
    shutil.rmtree(project / "models/base")
    assert message in refusal("export", mix, "build/lora")
    assert not (project / "build").exists()


@pytest.mark.parametrize("name", ["export", "show"])
def test_a_lora_has_no_experts(name: str, project: Path) -> None:
    """Only a MoE-LoRA can be shown or exported."""
    given = ["general", "out"] if name == "export" else []
    folder = project / "models/adapter/lora/best"
    wanted = f"{folder}: a LORA has no experts. Name a MoE-LoRA."
    assert refusal(name, *given, "--adapter", str(folder)) == wanted


def test_a_folder_without_an_adapter_is_refused(project: Path) -> None:
    """The missing file is named."""
    assert refusal("show", "--adapter", "models").startswith("models: no adapter_config.json.")


def test_an_export_that_differs_does_not_appear(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that change on the way are found by the logits, and nothing is left behind."""
    real = records.write_lines

    def disturbed(path: Path, lines: list[bytes]) -> int:
        count = real(path, lines)
        if path.name == "adapter_model.safetensors":
            save_file({n: t * 1.5 for n, t in load_file(path).items()}, path)
        return count

    monkeypatch.setattr(records, "write_lines", disturbed)
    message = refusal("export", "general", "build/lora")
    assert "so nothing is written. Check the adapter's weights." in message
    assert not list((project / "build").iterdir())


def test_weights_that_are_no_numbers_are_refused(project: Path) -> None:
    """A difference that is no number is not a small one."""
    path = project / "models/adapter/moe_lora/best/adapter_model.safetensors"
    save_file({n: t * float("nan") for n, t in load_file(path).items()}, path)
    assert "differ from static gates by nan" in refusal("export", "general", "build/lora")
