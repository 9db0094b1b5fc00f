"""One bundle under one digest cleans, labels, is judged, released and served."""

import json

import msgspec
import pytest
from starlette.testclient import TestClient

from caretune import records
from caretune.records import Conversation
from caretune.service import routes, state
from stages import release
from tests.fixtures import filter_digests
from tests.fixtures.moe_lora import PEFT_WARNS
from tests.stages.conftest import alter


@pytest.fixture
def released(project, judge):
    """The small project with a verdict and a release, its service keeping events."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  events: null\n", "  events: events.jsonl\n", 1))
    judge()
    for folder in ("raw", "source"):
        (project / folder).mkdir()
        (project / folder / "file").write_text("{}\n")
    (project / "lock").write_text("torch==2.13.0\n")
    release.main(
        verdict=project / "reports/gate/verdict.json",
        evaluation=project / "reports/evaluation",
        ledger=project / "data/ledger",
        raw=project / "raw",
        corpus=project / "data/corpus.jsonl",
        split=project / "data/split",
        augmented=project / "data/augmented.jsonl",
        labelled=project / "data/labelled",
        figures=project / "reports/data",
        filters=project / "models/filters",
        base=project / "models/base",
        adapters=project / "models/adapter",
        source=[project / "source"],
        lock=project / "lock",
        out=project / "models/release",
        params=params,
    )
    return project


def test_every_file_of_a_run_names_the_same_filters(released):
    """Labels of every row, figures, evaluation, verdict, manifest and the bytes that are served."""
    found = filter_digests.bundles(released)
    # This project takes its bundle ready-made; tests/stages/test_filters.py has the stage's figures.
    assert set(found) == filter_digests.PLACES - {"reports/filters/metrics.json"}
    assert len(set.union(*found.values())) == 1
    assert len(set(filter_digests.folders(released).values())) == 1
    rows = [
        row
        for split in filter_digests.SPLITS
        for row in records.read(released / f"data/labelled/{split}.jsonl", Conversation)
    ]
    assert len(rows) > 30


def test_a_row_of_other_filters_is_noticed(released):
    """The test above can fail."""
    path = released / "data/labelled/test.jsonl"
    row = next(records.read(path, Conversation))
    alter(path, filter=msgspec.structs.replace(row.filter, digest="0" * 64))
    assert len(set.union(*filter_digests.bundles(released).values())) == 2
    alter(path, filter=None)
    assert None in set.union(*filter_digests.bundles(released).values())


@PEFT_WARNS
def test_the_service_says_the_digest_that_the_labels_have(released):
    """The release route, an answer, a decision and both events of the answer."""
    (labelled,) = filter_digests.bundles(released)["data/labelled/train.jsonl"]
    app = routes.application()
    app.state.serving = state.load(released)
    client = TestClient(app)
    sent = {"messages": [{"role": "user", "content": "What time is it?"}], "max_tokens": 4}
    answer = client.post("/v1/chat/completions", json=sent).json()
    decision = client.post("/v1/scan", json={"text": "What time is it?"}).json()
    events = [json.loads(line) for line in (released / "events.jsonl").read_text().splitlines()]
    assert client.get("/v1/release").json()["filter_digest"] == labelled
    assert answer["caretune"]["filter_digest"] == labelled
    assert decision["digest"] == labelled
    assert len(events) >= 2
    assert {event["digest"] for event in events} == {labelled}
