"""The ingest stage, from files to files."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from caretune import records
from caretune.errors import SourceError
from caretune.lineage import digest, ledger
from caretune.records import Conversation
from stages import ingest
from tests.fixtures.corpus import RAW

PARAMS = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def params(tmp_path):
    """The project's params with twenty dialogues of 21 lines, one broken, and no redaction."""
    lines = (RAW / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    source = tmp_path / "dialogues.jsonl"
    source.write_text("\n".join([*lines, '{"category": ']) + "\n", encoding="utf-8")
    yaml = YAML(pure=True)
    values = yaml.load(PARAMS)
    values["ingest"].update(redact=False, max_bad_rate=0.1)
    values["ingest"]["sources"]["concepts"]["enabled"] = False
    values["ingest"]["sources"]["dialogues"].update(
        path=str(source), sha256=digest.sha256_file(source)
    )
    path = tmp_path / "params.yaml"
    yaml.dump(values, path)
    return path


def run(tmp_path, params, name="out"):
    """Run the stage and return the folder of what it wrote."""
    folder = tmp_path / name
    ingest.main(
        filters=tmp_path / "filters",
        out=folder / "corpus.jsonl",
        ledger=folder / "ledger.jsonl",
        metrics=folder / "ingest.json",
        params=params,
    )
    return folder


def test_corpus_ledger_and_figures_agree(tmp_path, params):
    """Twenty rows, twenty-one edges, and the same counts in the figures."""
    folder = run(tmp_path, params)
    rows = list(records.read(folder / "corpus.jsonl", Conversation))
    edges = ledger.read(folder / "ledger.jsonl")
    figures = json.loads((folder / "ingest.json").read_text())
    assert len(rows) == figures["rows"]["total"] == figures["ledger"]["rows_written"] == 20
    assert len(edges) == figures["ledger"]["rows_read"] == 21
    assert {edge.to for edge in edges if edge.to} == {row.id for row in rows}
    assert figures["exits"] == {"bad_json": 1}
    assert figures["pii"] is None
    assert figures["ledger"]["root"] == ledger.summarise(edges).root


def test_two_runs_write_equal_bytes(tmp_path, params):
    """The same sources and params give the same three files."""
    one, two = (run(tmp_path, params, name) for name in ("one", "two"))
    assert digest.folder_files(one) == digest.folder_files(two)
    assert len(digest.folder_files(one)) == 3


def test_the_key_of_person_hashes_comes_from_the_environment(tmp_path, params, monkeypatch):
    """The variable CARETUNE_PERSON_KEY decides the hashes of names."""
    table = tmp_path / "table.csv"
    table.write_text(
        "questionTitle,questionText,topic,therapistInfo,answerText\nWhy?,,stress,Jo Doe,Thus.\n"
    )
    yaml = YAML(pure=True)
    values = yaml.load(params)
    values["ingest"]["sources"]["counsel_chat"].update(
        enabled=True, path=str(table), sha256=digest.sha256_file(table)
    )
    yaml.dump(values, params)
    persons = []
    for key in (None, "mine"):
        monkeypatch.delenv("CARETUNE_PERSON_KEY", raising=False)
        if key is not None:
            monkeypatch.setenv("CARETUNE_PERSON_KEY", key)
        folder = run(tmp_path, params, f"key {key}")
        rows = records.read(folder / "corpus.jsonl", Conversation)
        persons += [row.person for row in rows if row.person is not None]
    assert len(set(persons)) == 2


def test_a_refused_source_leaves_no_half_corpus(tmp_path, params):
    """With too many bad rows nothing is written: no corpus, no ledger, no figures."""
    text = params.read_text().replace("max_bad_rate: 0.1", "max_bad_rate: 0.01")
    params.write_text(text)
    with pytest.raises(SourceError, match=r"1 of 21 rows are bad \(1 bad_json\)"):
        run(tmp_path, params)
    assert not list((tmp_path / "out").iterdir())
