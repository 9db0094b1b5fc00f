"""The train stage trains either adapter on the base, and writes what the map promises."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog.testing

from caretune import records
from caretune.errors import ModelError, ParamsError, StoppedError
from caretune.lineage import fingerprint, resume
from caretune.model import adapter, base, circumstances
from caretune.params import loader
from stages import train as stage
from tests.fixtures.models import ROOT, dialogues

SMALL = {
    "steps": 2,
    "batch_size": 2,
    "max_length": 128,
    "warmup_steps": 0,
    "evaluations": 1,
    "threads": 1,
}


def _run(
    kind: str,
    folder: Path,
    params: Path,
    base_folder: Path,
    *,
    dry_run: bool = False,
    train_rows: int = 16,
) -> Path:
    rows = dialogues(20)
    records.write(folder / "labelled" / "train.jsonl", rows[:train_rows])
    records.write(folder / "labelled" / "validation.jsonl", rows[16:])
    stage.main(
        adapter=kind,
        labelled=folder / "labelled",
        replies=[ROOT / "data/raw/messages_therapeutic.jsonl"],
        suppressed=ROOT / "data/suppressed.jsonl",
        base=base_folder,
        out=folder / "adapter",
        live=folder / "live",
        timing=folder / "timing.json",
        scratch=folder / "resume",
        params=params,
        dry_run=dry_run,
    )
    return folder


@pytest.mark.parametrize("kind", ["moe_lora", "lora"])
def test_adapter_is_trained(kind, tmp_path, write_params, tiny_base):
    """Both items of the matrix give an adapter that goes onto the base, its record and figures."""
    folder = _run(kind, tmp_path, write_params({"train": SMALL}), tiny_base)
    model = adapter.attach(base.load(tiny_base).model, folder / "adapter" / "best")
    assert model.peft_config["default"].peft_type.lower() == kind.replace("_", "")
    record = records.read_json(folder / "adapter" / "training.json")
    assert (record["adapter"], record["steps"], record["train_rows"]) == (kind, 2, 16)
    history = records.read_json(folder / "live" / "history.json")
    assert [row["step"] for row in history] == [0, 1, 2]
    assert set(records.read_json(folder / "timing.json")) == {
        "seconds",
        "step_seconds",
        "tokens_per_second",
        "device",
        "speed_sha256",
    }


def test_plain_lora_has_the_total_rank(tmp_path, write_params, tiny_base):
    """The baseline's rank is that of all experts and shared experts together."""
    folder = _run("lora", tmp_path, write_params({"train": SMALL}), tiny_base)
    config = records.read_json(folder / "adapter" / "best" / "adapter_config.json")
    assert config["r"] == (5 + 1) * 8


STOPPED = SMALL | {"steps": 8, "window_hours": 1e-9, "checkpoint_steps": 1}


def _stop(folder: Path, params: Path, base_folder: Path) -> list[str]:
    """Run until the window stops it after a step; return what the log says differs, sorted."""
    with structlog.testing.capture_logs() as logs, pytest.raises(StoppedError):
        _run("lora", folder, params, base_folder)
    return [name for entry in logs for name in entry.get("differs", ())]


def _swap_tokens(base_folder: Path) -> None:
    path = base_folder / "tokenizer.json"
    tokens = records.read_json(path)
    words = tokens["model"]["vocab"]
    first, second = sorted(words, key=words.__getitem__)[-2:]
    words[first], words[second] = words[second], words[first]
    records.write_json(path, tokens)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param("nothing", None, id="nothing"),
        pytest.param("params", "params.train.learning_rate", id="a param"),
        pytest.param("operation", None, id="how it is run"),
        pytest.param("tokenizer", "base", id="the tokenizer"),
        pytest.param("processes", "machine.processes", id="processes"),
        pytest.param("code", "code.caretune.training.order", id="code"),
    ],
)
def test_state_is_of_exactly_this_training(
    change, field, tmp_path, write_params, tiny_base, monkeypatch
):
    """What shapes the weights begins anew and is named, alone; what does not goes on."""
    folder = tmp_path / "base"
    shutil.copytree(tiny_base, folder)
    assert _stop(tmp_path, write_params({"train": STOPPED}), folder) == []
    changed = dict(STOPPED)
    if change == "params":
        changed["learning_rate"] = 1e-4
    elif change == "operation":
        changed |= {"checkpoint_steps": 2, "max_cost_usd": 100.0}
    elif change == "tokenizer":
        _swap_tokens(folder)
    elif change == "processes":
        monkeypatch.setattr(circumstances, "os", SimpleNamespace(environ={"WORLD_SIZE": "2"}))
    elif change == "code":
        code = fingerprint.loaded_code()
        monkeypatch.setattr(
            circumstances.fingerprint,
            "loaded_code",
            lambda: code | {"caretune.training.order": "another"},
        )
    found = _stop(tmp_path, write_params({"train": changed}), folder)
    assert found == ([field] if field else [])
    states = resume.states(tmp_path / "resume")
    assert sorted(len(state.checkpoints) for state in states) == ([1, 1] if field else [2])


@pytest.fixture
def unloaded(monkeypatch):
    """A base that must not be loaded."""

    def load(*arguments):
        raise AssertionError(f"loaded {arguments}")

    monkeypatch.setattr(base, "load", load)


def test_a_spent_budget_refuses_before_the_base_is_loaded(tmp_path, write_params, tiny_base):
    """Run again, it takes no further step; with more money it goes on."""
    spent = SMALL | {"steps": 8, "max_cost_usd": 1e-9}
    with pytest.raises(StoppedError, match=r"stopped at step 1 of 8 by the budget of .* Raise "):
        _run("lora", tmp_path, write_params({"train": spent}), tiny_base)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "load", lambda *_: pytest.fail("the base was loaded"))
        with pytest.raises(StoppedError, match=r"^not begun: .*Raise params.train.max_cost_usd"):
            _run("lora", tmp_path, write_params({"train": spent}), tiny_base)
    _run("lora", tmp_path, write_params({"train": spent | {"max_cost_usd": 100.0}}), tiny_base)
    assert records.read_json(tmp_path / "adapter/training.json")["steps"] == 8


def _speed_line(capsys) -> str:
    return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("speed"))


@pytest.mark.parametrize(
    ("kind", "change", "measured"),
    [
        pytest.param("lora", {}, True, id="the same"),
        pytest.param("lora", {"learning_rate": 1e-4, "steps": 4}, True, id="no matter of speed"),
        pytest.param("lora", {"max_length": 64}, False, id="length"),
        pytest.param("lora", {"moe_lora": {"rank": 4}}, False, id="rank"),
        pytest.param("moe_lora", {}, False, id="adapter"),
    ],
)
def test_a_speed_is_measured_only_where_all_that_shapes_it_is_the_same(
    kind, change, measured, tmp_path, write_params, tiny_base, capsys
):
    """The timing of another training on this device says nothing of this one."""
    _run("lora", tmp_path, write_params({"train": SMALL}), tiny_base)
    capsys.readouterr()
    _run(kind, tmp_path, write_params({"train": SMALL | change}), tiny_base, dry_run=True)
    assert ("(measured)" if measured else "(assumed") in _speed_line(capsys)


def test_a_timing_that_does_not_tell_what_it_is_of_is_no_measurement(
    tmp_path, write_params, tiny_base, capsys
):
    """A file of an earlier version holds the device alone."""
    records.write_json(tmp_path / "timing.json", {"device": "cpu", "tokens_per_second": 1e6})
    _run("lora", tmp_path, write_params({"train": SMALL}), tiny_base, dry_run=True)
    assert "(assumed" in _speed_line(capsys)


def test_processes_of_torchrun_are_planned_together(
    tmp_path, write_params, tiny_base, capsys, monkeypatch
):
    """Each has a device and its own rows; the first alone tells."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    params = write_params({"train": SMALL})
    _run("lora", tmp_path, params, tiny_base, dry_run=True)
    assert "rows on 2 devices" in capsys.readouterr().out
    monkeypatch.setenv("RANK", "1")
    _run("lora", tmp_path, params, tiny_base, dry_run=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("kind", "dry_run"), [("lora", False), ("lora", True), ("moe_lora", True)])
def test_an_empty_split_is_a_sentence(kind, dry_run, tmp_path, write_params, tiny_base):
    """The same from a training and from its plan."""
    with pytest.raises(ModelError, match=r"^no rows to train on or to validate with\. Run `dvc"):
        _run(
            kind,
            tmp_path,
            write_params({"train": SMALL}),
            tiny_base,
            dry_run=dry_run,
            train_rows=0,
        )


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.usefixtures("unloaded")
def test_a_budget_without_a_price_is_refused(dry_run, tmp_path, write_params, tiny_base):
    """A limit that could never be reached would be a false one; the base is not loaded for that."""
    params = write_params(
        {"train": SMALL | {"max_cost_usd": 1.0, "prices_usd_per_hour": {"H100": 3.0}}}
    )
    text = params.read_text().replace("    cpu: 0.1\n", "").replace("cpu: 0.10, ", "")
    params.write_text(text)
    with pytest.raises(ParamsError, match=r"train\.prices_usd_per_hour: expected a price of cpu"):
        _run("lora", tmp_path, params, tiny_base, dry_run=dry_run)


def test_wrong_params_stop_it(tmp_path, write_params, tiny_base):
    """A fault anywhere in params is found before anything is computed."""
    params = write_params({"train": SMALL | {"steps": "many"}, "base": {"sead": 1}})
    with pytest.raises(ParamsError, match="2 faults"):
        _run("lora", tmp_path, params, tiny_base)
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize("name", ["base", "train"])
def test_model_libraries_wait_for_the_work(name):
    """Importing a stage loads no model library: --help is quick, and offline is set in time."""
    code = f"import sys, stages.{name}; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("device", "usd"), [("cpu", 0.1), ("H100", 8.0)])
def test_each_gpu_costs_and_the_processors_once(device, usd, write_params, monkeypatch):
    """Two processes of `torchrun` on a machine without a GPU are still one machine."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    path = write_params({"train": {"prices_usd_per_hour": {"cpu": 0.1, "H100": 4.0}}})
    assert stage._limits(loader.load(path).train, device).usd_per_hour == usd
