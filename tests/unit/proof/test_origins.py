"""Origins: from a file or a release back to sources and licences, and through the stages."""

from pathlib import Path

import pytest

from caretune.lineage import digest
from caretune.proof import origins
from caretune.proof.stages import Step
from tests.unit.proof.test_trace import flat


def steps(project):
    """Return a pipeline of three stages with the project's own paths."""
    places = {name: str(path) for name, path in project.pipeline.items()}
    raw = str(project.sources[0].path)
    return [
        Step("filters", [raw, "caretune/safety/patterns"], [places["filters"]]),
        Step("ingest", [raw, places["filters"]], [places["corpus"]]),
        Step("split", [places["corpus"]], [places["split"]]),
        Step("train", [f"{places['split']}/train.jsonl"], [f"{places['adapters']}/lora"]),
    ]


def test_a_release_goes_back_to_sources_and_licences(whole):
    """Each part with what it saw, its counts by source and licence, and a few rows."""
    lines = flat(origins.release(whole, shown=2))
    assert lines[0].startswith(f"release {digest.sha256_file(whole.release / 'manifest.json')}")
    assert "file labelled/train" in lines
    assert "model adapter/lora trained on it" in lines
    counted = next(line for line in lines if line.startswith("source dialogues CC-BY-4.0: "))
    assert " rows from " in counted
    assert "source dialogues CC-BY-4.0: 1 rows from 1 of the corpus" in lines  # the expert example
    assert sum(line.startswith("row ") for line in lines) <= 2 * 10


def test_all_rows_are_listed_where_asked(whole):
    """Counts and ids agree."""
    lines = flat(origins.release(whole, shown=None))
    told = [line for line in lines if line.startswith("source ")]
    counts = [int(line.split(": ")[1].split()[0]) for line in told]
    assert sum(line.startswith("row ") for line in lines) == sum(counts)


def test_a_file_goes_both_ways(whole):
    """What made it, back to raw data; what it goes into, on to the models."""
    path = whole.pipeline["split"] / "train.jsonl"
    lines = flat(origins.file(whole, path, steps(whole), shown=1))
    assert lines[0] == f"file {path}"
    made = lines[lines.index("made by") : lines.index("goes into")]
    assert [line for line in made if line.startswith("stage")] == [
        "stage split", "stage ingest", "stage filters",
    ]  # fmt: skip
    assert f"file {whole.sources[0].path}" in made
    assert not [line for line in made if "patterns" in line]
    assert lines[-2:] == ["stage train", f"file {whole.pipeline['adapters']}/lora"]


def test_a_raw_file_tells_what_became_of_its_lines(whole):
    """By the ledger of the door. It goes into filters and ingest; a stage met twice is not drawn twice."""
    lines = flat(origins.file(whole, whole.sources[0].path, steps(whole), shown=1))
    assert [line for line in lines if line.startswith("source dialogues CC-BY-4.0: ")]
    assert [line for line in lines if line.startswith("raw line dialogues:")]
    assert not [line for line in lines if line.startswith("rows unknown")]
    assert lines.count("stage ingest as above") == 1


@pytest.mark.parametrize("name", ["nowhere.jsonl", "nowhere"])
def test_a_file_outside_the_pipeline_has_no_stages(whole, name):
    """Nothing made it and nothing reads it."""
    lines = flat(origins.file(whole, Path(name), steps(whole), shown=1))
    assert lines[-2:] == ["made by", "goes into"]


def test_a_stage_that_two_ways_lead_back_to_is_drawn_once(whole):
    """Filters made what ingest and label both read."""
    places = whole.pipeline
    label = Step(
        "label", [str(places["corpus"]), str(places["filters"])], [str(places["labelled"])]
    )
    lines = flat(origins.file(whole, places["labelled"], [*steps(whole), label], shown=1))
    assert lines.count("stage filters") == 1
    assert lines.count("stage filters as above") == 1
