"""The ingest stage, from files to files."""

import json
import random
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from caretune import records
from caretune.errors import CaretuneError, SourceError
from caretune.lineage import digest, ledger, suppression
from caretune.lineage.suppression import Entry
from caretune.records import Conversation
from stages import ingest, split
from tests.fixtures.corpus import LENIENT, RAW

PARAMS = Path(__file__).parents[2] / "params.yaml"
QUALITY = LENIENT._asdict()


@pytest.fixture
def params(tmp_path):
    """The project's params with twenty dialogues of 21 lines, one broken, and no redaction."""
    lines = (RAW / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    source = tmp_path / "dialogues.jsonl"
    source.write_text("\n".join([*lines, '{"category": ']) + "\n", encoding="utf-8")
    yaml = YAML(pure=True)
    values = yaml.load(PARAMS)
    values["ingest"].update(redact=False, max_bad_rate=0.1, quality=QUALITY)
    for described in values["ingest"]["sources"].values():
        described["enabled"] = False
    values["ingest"]["sources"]["dialogues"].update(
        enabled=True, path=str(source), sha256=digest.sha256_file(source)
    )
    path = tmp_path / "params.yaml"
    yaml.dump(values, path)
    return path


def run(tmp_path, params, name="out"):
    """Run the stage and return the folder of what it wrote."""
    folder = tmp_path / name
    suppressed = tmp_path / "suppressed.jsonl"
    suppressed.touch()
    ingest.main(
        filters=tmp_path / "filters",
        suppressed=suppressed,
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


def alter(params, **changes):
    """Change values of params.ingest."""
    yaml = YAML(pure=True)
    values = yaml.load(params)
    values["ingest"].update(changes)
    yaml.dump(values, params)


def test_a_suppressed_row_is_kept_out(tmp_path, params):
    """A row on the list leaves by name, whatever else of it is in order."""
    before = list(records.read(run(tmp_path, params) / "corpus.jsonl", Conversation))
    suppression.add(tmp_path / "suppressed.jsonl", Entry("row", before[0].id))
    folder = run(tmp_path, params, "again")
    assert list(records.read(folder / "corpus.jsonl", Conversation)) == before[1:]
    figures = json.loads((folder / "ingest.json").read_text())
    assert figures["exits"] == {"bad_json": 1, "suppressed": 1}


def test_a_lost_suppression_list_stops_the_run(tmp_path, params):
    """A list that is not there must not count as empty."""
    with pytest.raises(CaretuneError, match="no such file"):
        ingest.main(
            filters=tmp_path / "filters",
            suppressed=tmp_path / "lost.jsonl",
            out=tmp_path / "corpus.jsonl",
            ledger=tmp_path / "ledger.jsonl",
            metrics=tmp_path / "ingest.json",
            params=params,
        )


def test_rows_below_a_threshold_leave_by_name(tmp_path, params):
    """The thresholds of params decide, and the figures count who left why."""
    alter(params, quality={**QUALITY, "max_row_chars": 10})
    folder = run(tmp_path, params)
    figures = json.loads((folder / "ingest.json").read_text())
    assert figures["exits"] == {"bad_json": 1, "too_long": 20}
    assert figures["quality"]["dialogues"]["exits"] == {"too_long": 20}
    assert (folder / "corpus.jsonl").read_bytes() == b""


def test_raw_files_in_another_order_give_the_same_corpus_and_split(tmp_path, params):
    """Shuffled lines change no byte of corpus, splits, manifest or leak proof."""
    lines = (RAW / "dialogues.jsonl").read_bytes().splitlines(keepends=True)[:60]
    lines.append(lines[0].replace(b"?", b"!"))
    found = []
    for name in ("as it was", "shuffled"):
        source = tmp_path / "dialogues.jsonl"
        source.write_bytes(b"".join(lines))
        described = YAML(pure=True).load(params)["ingest"]["sources"]["dialogues"]
        described.update(sha256=digest.sha256_file(source), weight=0.9)
        alter(params, sources={"dialogues": described})
        folder = run(tmp_path, params, name)
        split.main(
            corpus=folder / "corpus.jsonl",
            out=folder / "split",
            ledger=folder / "split ledger.jsonl",
            leak_proof=folder / "leak_proof.json",
            metrics=folder / "split.json",
            params=params,
        )
        files = digest.folder_files(folder)
        # The ledger names raw rows by their lines; its root stands in the figures.
        assert files.pop("ledger.jsonl")
        assert files.pop("ingest.json")
        found.append(files)
        random.Random(8).shuffle(lines)
    assert found[0] == found[1]
    assert len(found[0]) == 9


def test_a_refused_source_leaves_no_half_corpus(tmp_path, params):
    """With too many bad rows nothing is written: no corpus, no ledger, no figures."""
    alter(params, max_bad_rate=0.01)
    with pytest.raises(SourceError, match=r"1 of 21 rows are bad \(1 bad_json\)"):
        run(tmp_path, params)
    assert not list((tmp_path / "out").iterdir())
