"""layout: what dvc.yaml says of paths and stages."""

from pathlib import Path

import pytest

from caretune.cli import layout
from caretune.errors import ParamsError
from caretune.proof.stages import Step

ROOT = Path(__file__).parents[3]
MAP = """
stages:
  train:
    matrix: {adapter: [a, b], size: [s]}
    cmd: python -m stages.train --adapter ${item.adapter} --out models/${item.adapter}
    deps: [data/x, "data/${item.size}"]
    outs:
      - models/${item.adapter}
      - reports/live:
          cache: false
    metrics: [reports/m.json]
  release:
    cmd: python -m stages.release --source one --source two --out models/release
    deps: []
"""


@pytest.fixture
def root(tmp_path):
    """A folder with a small map."""
    (tmp_path / "dvc.yaml").write_text(MAP)
    return tmp_path


def test_an_option_may_come_more_than_once(root):
    """All its paths, in their order; `path` gives the first."""
    assert layout.paths("release", "--source", root) == [root / "one", root / "two"]
    assert layout.path("release", "--source", root) == root / "one"


@pytest.mark.parametrize(("stage", "option"), [("release", "--raw"), ("nothing", "--out")])
def test_what_the_map_does_not_say_is_an_error(root, stage, option):
    """The stage and the option are named."""
    with pytest.raises(ParamsError, match=f"stages.{stage}.cmd: no option {option}"):
        layout.path(stage, option, root)


def test_a_matrix_is_a_step_for_each_item(root):
    """Names as DVC gives them; settings of an output are left aside."""
    assert layout.steps(root) == [
        Step("train@a-s", ["data/x", "data/s"], ["models/a", "reports/live", "reports/m.json"]),
        Step("train@b-s", ["data/x", "data/s"], ["models/b", "reports/live", "reports/m.json"]),
        Step("release", [], []),
    ]


def test_the_real_map_can_be_read():
    """Every stage of the project, each training of the matrix as its own."""
    names = [step.name for step in layout.steps(ROOT)]
    assert {"filters", "ingest", "split", "train@moe_lora", "train@lora", "release"} <= set(names)
