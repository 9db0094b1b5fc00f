"""What a trial runs on."""

import subprocess

import pytest

from caretune.cli import recipe
from caretune.errors import CaretuneError, LineageError, ParamsError
from caretune.params import loader
from caretune.training.sweep.space import Range
from tests.house.closure import ROOT

PARAMS = ROOT / "params.yaml"
PIPELINE = """
stages:
  split: {cmd: s, deps: [data/raw], outs: [data/split], params: [split]}
  train:
    matrix: {adapter: [moe_lora, lora]}
    cmd: t --out models/${item.adapter} --timing timing/${item.adapter}.json
    deps: [data/split/train.jsonl, code/train.py, "${base.template}"]
    outs: ["models/${item.adapter}"]
    params: [train]
  evaluate: {cmd: e, deps: [models/moe_lora, code], outs: [reports]}
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A pipeline under git, and a `dvc` on the path."""
    root = tmp_path / "project"
    for name in ("data/raw/rows.jsonl", "code/train.py", "bin/dvc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "bin/dvc").chmod(0o755)
    monkeypatch.setenv("PATH", str(root / "bin"), prepend=":")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    return root


def check(space):
    """Check a space against the project's params."""
    return recipe.check_space(space, PARAMS, loader.read_yaml(PARAMS))


def test_the_present_values_are_the_first_trials():
    """By name, from params."""
    space = {
        "train.learning_rate": Range(1e-4, 1e-1, log=True, points=2),
        "train.schedule": ["cosine", "linear"],
    }
    present = train().learning_rate
    assert check(space) == {"train.learning_rate": present, "train.schedule": "cosine"}


@pytest.mark.parametrize(
    ("name", "domain", "fault"),
    [
        pytest.param(
            "train.moe_lora.top_k",
            [2, 99],
            r"top_k: 99 gives train\.moe_lora\.top_k: expected at most the number of experts 5",
            id="out of range",
        ),
        pytest.param(
            "train.learning_rate",
            Range(1e-6, 1e-4, log=True, points=2),
            r"learning_rate: must hold the present value 0\.\d+, the first trial's; widen it",
            id="without the default",
        ),
        pytest.param("train.learning_rat", [1.0], "no such number or word in params", id="unknown"),
        pytest.param("train.moe_lora", [1.0], "no such number or word in params", id="section"),
        pytest.param("split.seed", [1], "only values of `train`", id="other data"),
        pytest.param("train.window_hours", [1.0], "shapes no weight", id="operation"),
        pytest.param("train.max_length", [768], "the score itself is measured", id="ruler"),
        pytest.param("train.seed", [41, 42], "other seeds change the luck alone", id="seed"),
        pytest.param("train.evaluations", [4], "scores better by chance alone", id="evaluations"),
        pytest.param("train.threads", [1, 2], "how the sums are rounded", id="threads"),
        pytest.param("train.device", ["cpu"], "how the sums are rounded", id="device"),
        pytest.param("train.attention", ["sdpa"], "how the sums are rounded", id="attention"),
        pytest.param("train.selection.nll", [1.0], "the score itself is measured", id="weights"),
    ],
)
def test_a_name_that_cannot_be_swept_is_refused(name, domain, fault):
    """Before the first trial."""
    with pytest.raises(ParamsError, match=fault):
        check({name: domain})


def test_a_trial_runs_what_the_training_needs(project):
    """Not what comes after it."""
    assert [step.name for step in recipe.check_source(project)] == ["split", "train@moe_lora"]
    assert recipe.figures(project) == (
        str(project / "models/moe_lora"),
        str(project / "timing/moe_lora.json"),
    )


def test_an_untracked_source_file_is_refused(project):
    """A trial runs in a copy, which would lack it."""
    (project / "code/new.py").write_text("x\n")
    (project / "note.md").write_text("no source\n")
    with pytest.raises(LineageError, match=r"^code/new\.py: untracked, .* `git add` or remove it"):
        recipe.check_source(project)


def test_a_frozen_stage_is_refused(project):
    """Its params would change and its outs would not."""
    path = project / "dvc.yaml"
    path.write_text(path.read_text().replace("split: {", "split: {frozen: true, "))
    with pytest.raises(LineageError, match=r"split frozen, .* `dvc unfreeze split`"):
        recipe.check_source(project)


def test_a_trial_that_would_score_on_test_is_refused(project):
    """The test split is read for the winner alone."""
    path = project / "dvc.yaml"
    path.write_text(path.read_text().replace("[data/split/train.jsonl,", "[reports,"))
    with pytest.raises(LineageError, match=r"train@moe_lora needs evaluate, so that every trial"):
        recipe.check_source(project)


def test_no_dvc_is_an_error(project, monkeypatch):
    """With what to do."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CaretuneError, match=r"dvc: not found\. Install the extra `pipeline`"):
        recipe.check_source(project)


def test_the_projects_own_trials_do_not_score_on_test():
    """The same check on this project's dvc.yaml, not its working tree."""
    steps = recipe._upstream(recipe.layout.steps(ROOT))
    assert steps[-1].name == "train@moe_lora"
    assert not {"evaluate", "gate", "release"} & {step.name for step in steps}


def test_settings_hold_what_a_trial_depends_on(project):
    """Files by digest, params by name; what shapes no weight is left out."""
    steps = recipe.check_source(project)
    values = {"split": {"seed": 1}, "train": {"steps": 2, "loader": {"workers": 0}}, "gate": {}}
    found = recipe.settings(steps, values, project)
    assert list(found["files"]) == ["code/train.py"]
    assert found["params"] == {"split.seed": 1, "train.steps": 2}


def train(**changes):
    """Return the project's `train` with other values."""
    return loader.load(PARAMS).train.model_copy(update=changes)


def test_a_gpu_costs_by_its_name(monkeypatch):
    """The longest name that fits."""
    monkeypatch.setattr(recipe, "_gpu", lambda: "NVIDIA H100 80GB HBM3")
    prices = {"cpu": 0.1, "H100": 3.0, "H100 80GB": 4.0}
    assert (
        recipe.usd_per_hour(train(device="auto", prices_usd_per_hour=prices), is_needed=True) == 4.0
    )
    assert (
        recipe.usd_per_hour(train(device="cpu", prices_usd_per_hour=prices), is_needed=True) == 0.1
    )


def test_without_a_gpu_the_cpus_price_counts(monkeypatch):
    """Nothing to ask."""
    monkeypatch.setattr(recipe.shutil, "which", lambda tool: None)
    assert (
        recipe.usd_per_hour(train(device="auto", prices_usd_per_hour={"cpu": 0.2}), is_needed=True)
        == 0.2
    )


def test_a_machine_without_a_price_is_an_error(monkeypatch):
    """A budget needs one."""
    monkeypatch.setattr(recipe, "_gpu", lambda: "NVIDIA L4")
    with pytest.raises(ParamsError, match="no price for 'NVIDIA L4'"):
        recipe.usd_per_hour(train(device="auto", prices_usd_per_hour={"cpu": 0.2}), is_needed=True)


def test_without_a_budget_no_price_is_needed(monkeypatch):
    """The cost is then not known; `cpu` is no part of a GPU's name."""
    monkeypatch.setattr(recipe, "_gpu", lambda: "NVIDIA cpuless L4")
    prices = {"cpu": 0.2}
    priced = train(device="auto", prices_usd_per_hour=prices)
    assert recipe.usd_per_hour(priced, is_needed=False) is None


def test_a_metric_that_a_training_does_not_write_is_refused():
    """The error lists the figures there are, words and lists left out."""
    recipe.check_metric(PARAMS, "best_score")
    with pytest.raises(ParamsError, match=r"sweep\.metric: .*best_validation_nll.*got 'best_scor'"):
        recipe.check_metric(PARAMS, "best_scor")
    with pytest.raises(ParamsError, match="got 'adapter'"):
        recipe.check_metric(PARAMS, "adapter")


def test_a_limit_of_one_training_is_refused():
    """It would end a trial, whose state goes with its copy of the workspace."""
    recipe.check_unlimited(PARAMS, train(window_hours=None, max_cost_usd=None))
    with pytest.raises(
        ParamsError, match=r"train\.window_hours: .* limit the sweep by sweep\.window_h"
    ):
        recipe.check_unlimited(PARAMS, train(window_hours=12, max_cost_usd=None))
