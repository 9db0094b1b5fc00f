"""The commands, with a function that stands for `dvc exp run`."""

import json
import shutil
import subprocess

import pytest
from typer.testing import CliRunner

from caretune.cli import experiment, recipe, sweep
from caretune.errors import CaretuneError, LineageError, ParamsError
from caretune.lineage import odometer
from caretune.lineage.odometer import Read
from caretune.params import loader
from caretune.training.sweep.driver import Outcome
from tests.house.closure import ROOT


class Fake:
    """Scores a trial by its learning rate; ranks above 4 fail."""

    names: tuple[str, ...] = ()

    def __init__(self, root, folder, target, metric, files):
        assert target == "train@moe_lora"

    def taken(self, name):
        """Return experiments of the name."""
        return list(self.names)

    def run(self, name, params, timeout_s):
        """Run a trial."""
        if params["train.moe_lora.rank"] > 8:
            return Outcome(None, 30.0, reason="exit code 255: no luck")
        return Outcome(4.0 - params["train.learning_rate"], 60.0, training_seconds=50.0)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params and a notebook, in which trials are made up."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/sweep.py", tmp_path / "notebooks")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(recipe, "check_source", list)
    monkeypatch.setattr(recipe, "settings", lambda steps, values: {"files": {}})
    monkeypatch.setattr(recipe, "figures", tuple)
    monkeypatch.setattr(experiment, "Experiments", Fake)
    return tmp_path


def run(*words):
    """Run `caretune sweep ...`; a known error is raised."""
    return CliRunner().invoke(sweep.app, words, catch_exceptions=False)


def rate():
    """Return the present learning rate of the project."""
    return loader.load(ROOT / "params.yaml").train.learning_rate


def shown():
    """Return the sweep `one` as JSON."""
    return json.loads(run("show", "one", "--format", "json").stdout)


def change(path, before, after):
    """Change words of a file."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_sweep_tells_its_trials_and_its_best(project):
    """One line a trial, then the table, why it stopped and what to do next."""
    change(project / "params.yaml", "trials: 12", "trials: 5")
    done = run("tpe", "one")
    lines = [line for line in done.stdout.splitlines() if line.startswith("one-")]
    assert len(lines) == 5
    assert lines[0].startswith(
        f"one-000  {4 - rate():.4f}  60 s  alpha_per_rank=2 learning_rate={rate()}"
    )
    assert "stopped: all 5 trials ran" in done.stdout
    found = shown()
    best = found["trials"][found["best"]]["experiment"]
    assert f"best: {best}, " in done.stdout
    assert "`caretune sweep apply one` takes it." in done.stdout


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_the_other_samplers_are_named_in_the_study(project, sampler):
    """And go on by the same command."""
    change(project / "params.yaml", "trials: 12", "trials: 2")
    run(sampler, "one")
    change(project / "params.yaml", "trials: 2", "trials: 3")
    run(sampler, "one")
    assert shown()["settings"]["sampler"] == sampler
    assert len(shown()["trials"]) == 3


def test_another_space_under_the_same_name_is_refused(project):
    """Naming what differs."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    run("tpe", "one")
    change(project / "params.yaml", "top_k: [1, 2, 3]", "top_k: [1, 2]")
    with pytest.raises(
        LineageError, match=r"another space\.train\.moe_lora\.top_k \(was \[1, 2, 3"
    ):
        run("tpe", "one")


def test_a_wrong_space_is_refused_before_the_first_trial(project):
    """Nothing is begun."""
    change(project / "params.yaml", "top_k: [1, 2, 3]", "top_k: [2, 9]")
    with pytest.raises(ParamsError, match="9 gives"):
        run("tpe", "one")
    assert not (project / ".caretune").exists()


def test_a_name_that_makes_no_ref_is_refused(project):
    """It becomes part of the experiments' names."""
    with pytest.raises(CaretuneError, match=r"'a/b': no name for a sweep\. Use letters, digits"):
        run("tpe", "a/b")


def test_experiments_of_a_lost_study_are_not_overwritten(project, monkeypatch):
    """Somebody may want them."""
    monkeypatch.setattr(Fake, "names", ("one-000",))
    with pytest.raises(LineageError, match=r"one-000 the first, and their study is gone"):
        run("tpe", "one")


def test_show_tells_failures_and_reads_of_the_test_split(project):
    """Trials with their reason, the odometer below."""
    change(project / "params.yaml", "trials: 12", "trials: 5")
    change(project / "params.yaml", "rank: [4, 8, 16]", "rank: [8, 16]")
    run("random", "one")
    odometer.append(project / odometer.READS, Read("ab" * 32, {"adapter": "x"}, "2026-01-01"))
    told = run("show", "one").stdout
    assert "exit code 255: no luck" in told
    assert "reads of the test split in this checkout: 1 of abababababab" in told
    assert " failed, 0." in told


def test_a_sweep_reads_no_test_split(project):
    """The odometer stands still."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    run("tpe", "one")
    assert shown()["test_reads"] == {}


def test_apply_hands_the_best_to_dvc(project, monkeypatch):
    """And says that the test split is read next, once."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    run("tpe", "one")
    called = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append(command) or Done(0))
    done = run("apply", "one")
    assert called == [["dvc", "exp", "apply", "one-000"]]
    assert "`dvc repro` now reads the test split once" in done.stdout


def test_what_dvc_does_not_apply_is_an_error(project, monkeypatch):
    """Its own words come before."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    run("tpe", "one")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: Done(1))
    with pytest.raises(CaretuneError, match="dvc exp apply one-000: exit code 1; its own words"):
        run("apply", "one")


def test_nothing_is_applied_where_no_trial_is_complete(project, monkeypatch):
    """Not the least bad failure."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    monkeypatch.setattr(Fake, "run", lambda *_: Outcome(None, 1.0, reason="no luck"))
    assert run("tpe", "one").exit_code == 1
    with pytest.raises(CaretuneError, match="sweep one: no trial is complete"):
        run("apply", "one")


def test_another_file_gives_the_section_sweep_alone(project):
    """Present values and prices are the workspace's, whatever else the file says."""
    path = project / "mine.yaml"
    path.write_text((project / "params.yaml").read_text())
    change(path, "trials: 12", "trials: 2")
    change(path, "  learning_rate: 2e-3", "  learning_rate: 4e-3")
    done = run("tpe", "one", "--params", "mine.yaml")
    assert f"one-000  {4 - rate():.4f}" in done.stdout
    assert len(shown()["trials"]) == 2
    assert "the best of 2 on the same validation rows" in done.stdout
    path.write_text("train: {}\n")
    with pytest.raises(ParamsError, match=r"mine\.yaml .*\n  sweep: missing; it says what to try"):
        run("tpe", "one", "--params", "mine.yaml")


def test_a_wrong_metric_is_refused_before_the_first_trial(project):
    """Nothing is begun."""
    change(project / "params.yaml", "metric: best_score", "metric: best_scor")
    with pytest.raises(ParamsError, match="got 'best_scor'"):
        run("tpe", "one")
    assert not (project / ".caretune").exists()


def test_without_a_price_the_cost_is_not_known(project, monkeypatch):
    """It is said, and is not counted as nothing."""
    change(project / "params.yaml", "trials: 12", "trials: 1")
    monkeypatch.setattr(recipe, "usd_per_hour", lambda train, is_needed: None)
    assert "0.0000 US dollars, 1 trials without a price" in run("tpe", "one").stdout
    assert shown()["trials"][0]["cost_usd"] is None


@pytest.mark.slow
def test_the_report_is_one_page(project):
    """From the study to HTML."""
    change(project / "params.yaml", "trials: 12", "trials: 6")
    run("tpe", "one")
    assert "sweep-one.html: written" in run("report", "one").stdout
    page = (project / "reports/sweep-one.html").read_text()
    for words in ("Best so far", "Quality against cost", "Every trial, value by value"):
        assert words in page


class Done:
    """A finished process."""

    def __init__(self, returncode):
        self.returncode = returncode
