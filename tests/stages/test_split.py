"""The split stage, from files to files."""

import json
from pathlib import Path

import pytest

from caretune import records
from caretune.lineage import digest, ledger
from caretune.params import loader
from caretune.records import Conversation, ExpertExample
from stages import split

PARAMS = Path(__file__).parents[2] / "params.yaml"
SPLITS = ("train", "validation", "test")


def run(tmp_path, corpus, name="out"):
    """Run the stage on a corpus and return the folder of what it wrote."""
    folder = tmp_path / name
    split.main(
        corpus=corpus,
        out=folder / "split",
        ledger=folder / "ledger.jsonl",
        leak_proof=folder / "leak_proof.json",
        metrics=folder / "split.json",
        params=PARAMS,
    )
    return folder


@pytest.fixture
def written(tmp_path, corpus_file):
    """What the stage writes for the forty rows."""
    return run(tmp_path, corpus_file)


def test_no_row_is_lost(written, corpus_rows):
    """Every corpus row is in one split, is an expert example, or left by name."""
    kept = [
        row
        for name in SPLITS
        for row in records.read(written / "split" / f"{name}.jsonl", Conversation)
    ]
    experts = list(records.read(written / "split" / "expert.jsonl", ExpertExample))
    edges = ledger.read(written / "ledger.jsonl")
    assert {edge.source for edge in edges} == {row.id for row in corpus_rows}
    assert len(edges) == len(corpus_rows) == 40
    ledger.check_conserved(
        edges,
        [row.id for row in corpus_rows],
        [*(row.id for row in kept), *(example.id for example in experts)],
    )


def test_rows_carry_their_family_and_split(written):
    """Each row of a split file says its family and its split."""
    counted = 0
    for name in SPLITS:
        for row in records.read(written / "split" / f"{name}.jsonl", Conversation):
            assert row.split == name
            assert row.family is not None
            counted += 1
    assert counted == 36


def test_the_expert_set_left_validation_and_test(written):
    """No family of an expert example is in any split; a third of the families at most left."""
    experts = list(records.read(written / "split" / "expert.jsonl", ExpertExample))
    families = {
        row.family
        for name in SPLITS
        for row in records.read(written / "split" / f"{name}.jsonl", Conversation)
    }
    assert len(experts) == 4
    assert not families & {example.family for example in experts}


def test_the_manifest_describes_the_bytes(written):
    """Count, bytes and sha256 of each file are what is on disk; wanted and found stand beside."""
    manifest = json.loads((written / "split" / "manifest.json").read_text())
    assert sorted(manifest["files"]) == [f"{name}.jsonl" for name in sorted((*SPLITS, "expert"))]
    for name, described in manifest["files"].items():
        path = written / "split" / name
        assert described["bytes"] == path.stat().st_size
        assert described["sha256"] == digest.sha256_file(path)
        assert described["count"] == len(path.read_text(encoding="utf-8").splitlines())
    assert manifest["expert"]["wanted"]["examples"] == loader.load(PARAMS).split.expert_size
    assert manifest["expert"]["found"]["examples"] == 4


def test_the_figures_and_the_leak_proof(written):
    """The cut is 28, 6 and 6; no family is shared; the ledger's root is the figures' root."""
    figures = json.loads((written / "split.json").read_text())
    proof = json.loads((written / "leak_proof.json").read_text())
    assert figures["cut"] == {"test": 6, "train": 28, "validation": 6}
    assert figures["author_overlap"] is None
    assert figures["ledger"]["root"] == ledger.summarise(ledger.read(written / "ledger.jsonl")).root
    assert proof["families_shared"] == 0
    assert proof["worst"]["similarity"] < proof["threshold"]


def test_two_runs_write_equal_bytes(tmp_path, corpus_file, written):
    """The same corpus and params give the same eight files."""
    again = digest.folder_files(run(tmp_path, corpus_file, "again"))
    assert again == digest.folder_files(written)
    assert len(again) == 8
