"""caretune.proof.forecast: which stages run again when files change."""

import pytest
from ruamel.yaml import YAML

from caretune.proof import forecast
from caretune.proof.forecast import Stage
from tests.house.closure import ROOT

CHAIN = [
    Stage("last", ("b/train.jsonl",), ("c",)),  # before those it reads from
    Stage("first", ("list", "raw"), ("a",)),
    Stage("second", ("a",), ("b",)),
    Stage("whole", ("b",), ("d",)),
    Stage("other", ("raw",), ("e",)),
]


def fates(*changed, **given):
    """Return the stages of the chain that run or may run, by their fate."""
    found = forecast.forecast(CHAIN, changed, **given)
    assert found.keys() == {stage.name for stage in CHAIN}
    return {name: fate for name, fate in found.items() if fate != "stays"}


def test_a_change_runs_everything_behind_it_in_whatever_order_the_stages_stand():
    """The stage that stands first reads what the third writes."""
    assert fates("list") == dict.fromkeys(("last", "first", "second", "whole"), "runs")
    assert fates("nothing") == {}


def test_a_file_in_a_folder_that_is_read_counts():
    """A folder dependency takes every file below it."""
    assert fates("raw/rows.jsonl").keys() == {"first", "second", "last", "whole", "other"}


def test_a_file_that_keeps_its_bytes_stops_the_change():
    """The folder around it changes, the stage that reads that one file stays."""
    found = fates("list", unchanged={"b/train.jsonl"})
    assert found == dict.fromkeys(("first", "second", "whole"), "runs")
    assert fates("list", unchanged={"a"}) == {"first": "runs"}


def test_what_may_change_may_run():
    """Nobody knows; what else is known to run does."""
    found = fates("list", uncertain={"b/train.jsonl"})
    assert found == dict.fromkeys(("first", "second", "whole"), "runs") | {"last": "may run"}
    assert fates(uncertain={"a"}) == dict.fromkeys(("second", "whole", "last"), "may run")


def test_the_map_of_this_project_is_read_with_its_matrix_stages():
    """As DVC names them; metrics are written too."""
    described = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
    found = {stage.name: stage for stage in forecast.stages(described)}
    assert {"train@lora", "train@moe_lora", "report@data", "ingest"} <= found.keys()
    assert "models/adapter/lora" in found["train@lora"].outs
    assert "reports/data/ingest.json" in found["ingest"].outs
    assert "models/filters" in found["ingest"].deps


@pytest.mark.parametrize("name", ["base", "release", "train@lora"])
def test_a_change_of_the_train_split_reaches_every_model(name):
    """In this project's own map."""
    described = YAML(typ="safe", pure=True).load(ROOT / "dvc.yaml")
    found = forecast.forecast(forecast.stages(described), ["data/split/train.jsonl"])
    assert found[name] == "runs"
    assert found["ingest"] == "stays"
