"""`caretune checkpoints`: lists, verifies and sets back what interrupted trainings go on from."""

import os

import pytest
from typer.testing import CliRunner

from caretune import records
from caretune.cli import checkpoints
from caretune.errors import LineageError
from caretune.lineage import resume
from caretune.params import loader
from caretune.params.train import OPERATION
from tests.fixtures.models import ROOT

DVC = """stages:
  base: {cmd: python -m stages.base --scratch models/resume/base}
  train: {cmd: "python -m stages.train --scratch models/resume/${item.adapter}"}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with an interrupted MoE-LoRA (steps 20 and 40) and an interrupted base (step 45)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    params = loader.load(tmp_path / "params.yaml")
    shaping = resume.flat(params.train.model_dump(exclude=set(OPERATION)), "params.train.")
    _keep(tmp_path / "models/resume/moe_lora", shaping | {"data.train": "ab"}, 20, 40)
    _keep(
        tmp_path / "models/resume/base", resume.flat(params.base.model_dump(), "params.base."), 45
    )
    return tmp_path


def _keep(root, fields, *steps):
    with resume.opened(root, fields) as state:
        for step in steps:
            for name in ("adapter_config.json", "adapter_model.safetensors", "optimizer.pt"):
                records.write_text(state.path(step) / name, f"{step}")
            state.seal(step)


def _call(*arguments):
    return CliRunner().invoke(checkpoints.app, arguments, catch_exceptions=False)


def test_all_are_listed(project):
    """Training, state and step of each, and whether its bytes are as sealed."""
    shown = _call("list").output
    rows = [line.split("│")[1:-1] for line in shown.splitlines() if "yes" in line]
    assert [(row[0].strip(), row[2].strip()) for row in rows] == [
        ("base", "45"),
        ("moe_lora", "20"),
        ("moe_lora", "40"),
    ]


def test_nothing_to_list(project):
    """Where no training was interrupted, that is said."""
    for name in ("base", "moe_lora"):
        with resume.opened(project / "models/resume" / name, {}) as state:
            for kept in resume.states(state.folder.parent):
                resume.Resume(state.folder.parent, kept.fields).clear()
    assert _call("list").output == "no training was interrupted: there is nothing to go on from\n"


def test_verify_names_the_file(project):
    """Exit code 0 for sealed bytes, 1 with the file's name for others."""
    assert (_call("verify").exit_code, _call("verify").output) == (
        0,
        "3 checkpoints, 0 with a fault\n",
    )
    (file,) = project.glob("models/resume/moe_lora/*/checkpoint-40/optimizer.pt")
    file.write_text("41")
    found = _call("verify")
    assert found.exit_code == 1
    assert "checkpoint-40: optimizer.pt: has sha256" in found.output


def test_restore_sets_back(project):
    """Later checkpoints go; the next run goes on from the one that was named."""
    assert _call("restore", "moe_lora", "20").output == (
        "moe_lora: `dvc repro` goes on from step 20. Params were compared; on other data, code or "
        "another machine it begins anew\n"
    )
    (state,) = resume.states(project / "models/resume/moe_lora")
    assert [checkpoint.step for checkpoint in state.checkpoints] == [20]


def test_restore_to_a_folder_leaves_the_state(project):
    """The adapter of that step is written, without optimizer, and never over something."""
    _call("restore", "moe_lora", "20", "--to", "tried")
    assert sorted(path.name for path in (project / "tried").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert (project / "tried/adapter_config.json").read_text() == "20"
    assert len(resume.states(project / "models/resume/moe_lora")[0].checkpoints) == 2
    with pytest.raises(LineageError, match="tried: exists already"):
        _call("restore", "moe_lora", "40", "--to", "tried")


def test_unknown_and_damaged_steps_are_refused(project):
    """A step that is not there, and one whose bytes differ."""
    with pytest.raises(LineageError, match="moe_lora has no checkpoint of step 30"):
        _call("restore", "moe_lora", "30")
    (file,) = project.glob("models/resume/moe_lora/*/checkpoint-20/optimizer.pt")
    file.unlink()
    with pytest.raises(LineageError, match=r"optimizer\.pt: is missing\. Choose another"):
        _call("restore", "moe_lora", "20")


def test_a_checkpoint_of_other_params_is_refused(project):
    """The field that differs is named; params of another section and of operation count nothing."""
    params = (project / "params.yaml").read_text()
    changed = params.replace("  checkpoint_steps: 20", "  checkpoint_steps: 21")
    (project / "params.yaml").write_text(changed.replace("  seed: 41", "  seed: 42"))
    _call("restore", "moe_lora", "40")
    (project / "params.yaml").write_text(
        params.replace("  learning_rate: 2e-3", "  learning_rate: 3e-4")
    )
    with pytest.raises(LineageError, match=r"differs in params\.train\.learning_rate\. Set that"):
        _call("restore", "moe_lora", "40")
    _call("restore", "base", "45")


def _steps(project):
    states = resume.states(project / "models/resume/moe_lora")
    return [[checkpoint.step for checkpoint in state.checkpoints] for state in states]


def test_a_state_of_other_params_beside_it_stays_as_it_is(project):
    """The one whose params fit is set back; nothing of another training is removed or refused."""
    _keep(project / "models/resume/moe_lora", {"params.train.seed": 9}, 20, 40)
    assert _call("restore", "moe_lora", "20").exit_code == 0
    assert sorted(_steps(project)) == [[20], [20, 40]]


def test_two_states_of_these_params_are_chosen_between(project):
    """They differ in data, say: both are listed, none is touched, and --state chooses."""
    (state,) = resume.states(project / "models/resume/moe_lora")
    _keep(project / "models/resume/moe_lora", state.fields | {"data.train": "cd"}, 20, 40)
    with pytest.raises(LineageError, match=r"step 20 is in 2 states .*Choose one by --state"):
        _call("restore", "moe_lora", "20")
    assert _steps(project) == [[20, 40], [20, 40]]
    assert _call("restore", "moe_lora", "20", "--state", state.folder.name[:6]).exit_code == 0
    assert sorted(_steps(project)) == [[20], [20, 40]]


def test_a_training_at_work_is_not_set_back(project):
    """The process that holds its lock is named."""
    with (
        resume.locked(project / "models/resume/moe_lora"),
        pytest.raises(LineageError, match=rf"process {os.getpid()} trains here already"),
    ):
        _call("restore", "moe_lora", "20")
    assert _steps(project) == [[20, 40]]


def test_a_checkpoint_that_is_being_written_is_no_fault(project):
    """While the training is at work; a kill makes it one."""
    (state,) = resume.states(project / "models/resume/moe_lora")
    records.write_text(state.folder / "checkpoint-60/optimizer.pt", "60")
    with resume.locked(project / "models/resume/moe_lora"):
        assert "being written" in _call("list").output
        assert _call("verify").output == "3 checkpoints, 0 with a fault\n"
    assert "checkpoint-60: seal.json: missing" in _call("verify").output
    assert _call("verify").exit_code == 1


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda file: file.write_bytes(b"{"), id="half a file"),
        pytest.param(lambda file: file.write_bytes(b"[]"), id="another value"),
        pytest.param(lambda file: (file.unlink(), file.mkdir()), id="no file"),
    ],
)
def test_a_state_that_cannot_be_read_hides_no_other(project, harm):
    """It is shown as damaged, with what to do; the other trainings are listed and set back."""
    (file,) = project.glob("models/resume/base/*/fingerprint.json")
    harm(file)
    told = f"{file.parent.relative_to(project)}: fingerprint.json: not to be read, so nobody can"
    listed = _call("list")
    assert listed.exit_code == 0
    assert [line.count("moe_lora") for line in listed.output.splitlines() if "yes" in line] == [
        0, 1, 1,
    ]  # fmt: skip
    assert told in listed.output
    assert "else delete the folder" in listed.output
    verified = _call("verify")
    assert verified.exit_code == 1
    assert told in verified.output
    assert verified.output.endswith("3 checkpoints, 0 with a fault; states with a fault: 1\n")
    with pytest.raises(LineageError, match=r"fingerprint\.json: not to be read, so nobody"):
        _call("restore", "base", "45")
    assert _call("restore", "moe_lora", "20").exit_code == 0
    assert _steps(project) == [[20]]


def test_a_damaged_state_beside_one_of_the_same_training_is_passed_over(project):
    """The readable one is set back; the damaged one is left as it is."""
    _keep(project / "models/resume/moe_lora", {"params.train.seed": 9}, 20, 40)
    (other,) = (
        state.folder
        for state in resume.states(project / "models/resume/moe_lora")
        if state.fields == {"params.train.seed": 9}
    )
    (other / "fingerprint.json").write_text("{")
    assert _call("restore", "moe_lora", "20").exit_code == 0
    assert sorted(_steps(project)) == [[20], [20, 40]]


def test_a_damaged_state_without_checkpoints_is_told(project):
    """There is no row to list, and yet something to do."""
    for root in project.glob("models/resume/*"):
        for checkpoint in root.glob("*/checkpoint-*"):
            resume.remove(checkpoint)
    (file,) = project.glob("models/resume/base/*/fingerprint.json")
    file.write_text("{")
    listed = _call("list").output
    assert "not to be read" in listed
    assert "nothing to go on from" not in listed
