"""`caretune plan`: a profile on a GPU that is not here."""

import shutil

import pytest
import typer
from typer.testing import CliRunner

from caretune import records
from caretune.cli import plan
from caretune.errors import ModelError, ParamsError
from tests.fixtures.models import ROOT, dialogues

APP = typer.Typer()
APP.command()(plan.plan)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the shipped params, stages, profiles and 12 labelled rows."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    records.write(tmp_path / "data/labelled/train.jsonl", dialogues(12))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def show(*arguments):
    """Run the command and return its result."""
    return CliRunner().invoke(APP, list(arguments))


@pytest.mark.parametrize("gpu", ["a100-80gb", "h100-80gb", "h200-141gb"])
def test_the_12b_profile_fits_every_gpu_and_the_window(project, gpu):
    """8,192 packed tokens fit 80 GB with checkpointing, and its steps end inside 12 hours."""
    result = show("profiles/wayfarer-12b.yaml", "--gpu", gpu)
    assert result.exit_code == 0, result.output
    assert "12,247,782,400 in the base" in result.output
    assert f"on {gpu}: fits" in result.output
    assert "window       ends inside 12 h" in result.output


def test_8k_without_checkpointing_fits_the_larger_gpu_alone(project):
    """The table of 80 GB ends at rows of 4,096 tokens there, that of 141 GB at 8,192."""
    longest = []
    for gpu in ("h100-80gb", "h200-141gb"):
        lines = show("profiles/wayfarer-12b.yaml", "--gpu", gpu).output.splitlines()
        rows = [line.split() for line in lines if line.split()[1:2] == ["off"]]
        longest.append(max(int(row[0]) for row in rows))
    assert longest == [4096, 8192]


@pytest.mark.parametrize("name", ["smollm2-135m", "qwen2.5-0.5b"])
def test_the_small_profiles_are_planned(project, name):
    """Both have a shape and a price."""
    result = show(f"profiles/{name}.yaml")
    assert result.exit_code == 0, result.output
    assert "USD" in result.output


def test_the_assumption_about_tokens_is_told(project):
    """Rows are counted, their tokens are a guess, and it says so."""
    assert "12 of data/labelled/train.jsonl, 4 characters a token (assumed)" in (
        show("profiles/wayfarer-12b.yaml").output
    )


def test_without_rows_one_full_row_stands_for_all(project):
    """Before the data stages ran, a plan is possible."""
    (project / "data/labelled/train.jsonl").unlink()
    result = show("profiles/wayfarer-12b.yaml")
    assert "one of 8192 tokens stands for all" in result.output


def test_an_empty_split_is_refused(project):
    """One sentence, as the training says it."""
    (project / "data/labelled/train.jsonl").write_text("")
    result = show("profiles/wayfarer-12b.yaml")
    assert isinstance(result.exception, ModelError)
    assert str(result.exception).startswith("no rows to train on or to validate with.")


def test_a_window_that_the_profile_lacks_is_assumed_for_the_table_alone(project):
    """No verdict on a window nobody set, and the rows are joined where the profile joins them."""
    shown = show("profiles/smollm2-135m.yaml").output
    assert "ends inside" not in shown.lower()
    assert "how far 12 h (assumed: it has no window) go, unpacked rows, sdpa:" in shown
    assert "how far 12 h go, packed rows, sdpa:" in show("profiles/wayfarer-12b.yaml").output


def test_the_table_holds_the_quickest_way(project):
    """Its 8,192 tokens are as quick as the plan's own, one packed row at a time."""
    lines = [line.split() for line in show("profiles/wayfarer-12b.yaml").output.splitlines()]
    planned = next(line[1] for line in lines if line[:1] == ["speed"])
    table = next(line for line in lines if line[:2] == ["8192", "on"])
    assert table[2] == "1"
    assert table[4] == planned


def test_an_unknown_gpu_is_refused(project):
    """The error lists those there are."""
    result = show("profiles/wayfarer-12b.yaml", "--gpu", "b300")
    assert isinstance(result.exception, ParamsError)
    assert "expected a100-80gb, h100-80gb, h200-141gb, got b300" in str(result.exception)


def test_a_base_without_a_shape_is_refused(project):
    """The error says how to name one."""
    (project / "profiles/mine.yaml").write_text("base:\n  source: nowhere\n")
    result = show("profiles/mine.yaml")
    assert isinstance(result.exception, ModelError)
    assert "nowhere: its shape is not known here; name the base's config.json by --config" in str(
        result.exception
    )


def test_a_base_that_is_trained_here_is_planned_by_the_stage(project):
    """Its shape stands in params alone."""
    result = show("profiles/small.yaml")
    assert isinstance(result.exception, ModelError)
    assert "`python -m stages.train --dry-run` plans it" in str(result.exception)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param("{", "not JSON", id="no JSON"),
        pytest.param("\x00", "not JSON", id="no text"),
        pytest.param("[1]", "has no `model_type` that transformers knows", id="no object"),
        pytest.param('{"hidden_size": 1}', "has no `model_type`", id="no type"),
        pytest.param('{"model_type": "odd"}', "has no `model_type`", id="unknown type"),
        pytest.param(
            '{"model_type": "llama", "hidden_size": "x"}',
            "not the config of a model: Validation error for field 'hidden_size'",
            id="wrong type",
        ),
        pytest.param(
            '{"model_type": "llama", "num_attention_heads": 0}',
            "not the config of a model: integer division",
            id="no heads",
        ),
    ],
)
def test_a_file_that_is_no_config_is_refused(project, content, said):
    """One sentence and exit code 2; a name that is no file is not looked up as a model's."""
    if content is not None:
        (project / "shape.json").write_text(content)
    result = show("profiles/small.yaml", "--config", "shape.json")
    assert isinstance(result.exception, ModelError)
    assert result.exception.exit_code == 2
    assert str(result.exception).startswith(f"shape.json: {said}")


def test_a_shape_can_be_named(project):
    """--config takes any config.json."""
    result = show("profiles/small.yaml", "--config", "profiles/shapes/smollm2-135m.json")
    assert "134,515,008 in the base" in result.output


def test_a_checkpoint_in_a_folder_brings_its_own_shape(project):
    """A local base needs no profiles/shapes."""
    (project / "here").mkdir()
    shutil.copy("profiles/shapes/smollm2-135m.json", "here/config.json")
    (project / "profiles/mine.yaml").write_text("base:\n  source: here\n")
    assert "shape        here/config.json" in show("profiles/mine.yaml").output
