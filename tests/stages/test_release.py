"""The release stage: a self-contained folder that proves itself, or none at all."""

import shutil
from pathlib import Path

import pytest

from caretune import records
from caretune.errors import GateError
from caretune.gate import verdict as verdicts
from caretune.lineage import digest, ledger, manifest
from stages import release


@pytest.fixture
def released(project, judge):
    """Give a function that judges and releases the project, and returns the release's folder."""
    source = project / "source"
    source.mkdir()
    (source / "module.py").write_text("")
    (project / "lock").write_text("torch==2.13.0\n")

    def run(**changes):
        if not changes:
            judge()
        data, models, reports = project / "data", project / "models", project / "reports"
        raw = project / "raw"
        raw.mkdir(exist_ok=True)
        (raw / "dialogues.jsonl").write_text("{}\n")
        given = {
            "verdict": reports / "gate/verdict.json",
            "evaluation": reports / "evaluation",
            "ledger": data / "ledger",
            "raw": raw,
            "corpus": data / "corpus.jsonl",
            "split": data / "split",
            "augmented": data / "augmented.jsonl",
            "labelled": data / "labelled",
            "figures": reports / "data",
            "filters": models / "filters",
            "base": models / "base",
            "adapters": models / "adapter",
            "source": [source],
            "lock": project / "lock",
            "out": models / "release",
            "params": project / "params.yaml",
        }
        release.main(**(given | changes))
        return models / "release"

    return run


def test_a_release_holds_what_the_verdict_judged(project, released):
    """Base, best adapter and filters are the judged bytes; verdict and card lie beside them."""
    out = released()
    assert {path.name for path in out.iterdir()} == {
        "base", "adapter", "filters", "verdict.json", "MODEL_CARD.md", "manifest.json",
    }  # fmt: skip
    subjects = verdicts.read(out / "verdict.json").subjects
    for part in manifest.PARTS:
        assert digest.sha256_folder(out / part) == subjects[part]
    verdicts.check(verdicts.read(out / "verdict.json"), "rehearsal")


def test_the_manifest_names_all_that_made_the_release(project, released):
    """Digests of everything upstream; no time, no commit, no path of the machine."""
    out = released()
    found = manifest.verify(out)
    assert set(found.digests) == {
        "adapter", "base", "filters", "lock", "params", "source", "split", "template", "verdict",
    }  # fmt: skip
    assert found.candidate == "moe_lora"
    assert found.digests["params"] == digest.sha256_file(project / "params.yaml")
    assert found.sources["dialogues.jsonl"] == digest.sha256_file(project / "raw/dialogues.jsonl")
    assert set(found.ledger) == {"ingest", "split", "augment", "safety_label"}
    assert found.format == 2
    assert found.pipeline["corpus"] == digest.sha256_file(project / "data/corpus.jsonl")
    places = {name.partition("/")[0] for name in found.pipeline}
    assert places == {
        "adapters", "augmented", "base", "corpus", "evaluation", "figures", "filters", "labelled",
        "ledger", "source", "split", "verdict",
    }  # fmt: skip
    assert found.pipeline["source/module.py"] == digest.sha256_file(project / "source/module.py")
    edges = ledger.read(project / "data/ledger/split.jsonl")
    assert found.ledger["split"] == ledger.summarise(edges).root
    assert str(project) not in (out / "manifest.json").read_text()


def test_two_releases_of_equal_inputs_are_byte_identical(released, project):
    """Every file of a second run has the bytes of the first."""
    first = digest.folder_files(released())
    assert digest.folder_files(released()) == first


def test_what_the_stage_writes_does_not_name_the_machine(released, project):
    """Card, manifest and verdict hold no folder of the machine that made them."""
    out = released()
    for name in ("MODEL_CARD.md", "manifest.json", "verdict.json"):
        assert str(project.parent) not in (out / name).read_text()


def test_a_stale_verdict_is_refused(project, released):
    """A verdict on other bytes releases nothing, and the earlier release stays."""
    out = released()
    before = digest.folder_files(out)
    (project / "models/adapter/moe_lora/best/extra.bin").write_bytes(b"x")
    with pytest.raises(GateError, match="adapter here has sha256"):
        released(lock=project / "lock")
    assert digest.folder_files(out) == before


def test_half_a_release_is_never_left(project, released, monkeypatch):
    """A run that dies in the middle leaves no release folder; the next one finishes."""

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full_disk)
        with pytest.raises(OSError, match="No space left"):
            released()
    assert not (project / "models/release").exists()
    manifest.verify(released())


def test_a_failing_verdict_is_released_but_not_served(project, judge, released):
    """The gate's answer is data: the folder is written, and refuses to pass a check."""
    verdict = records.read_json(project / "reports/evaluation/metrics.json")
    for pair in verdict["paired"].values():
        pair["response_nll"] |= {"value": 0.3, "low": 0.2, "high": 0.4}
    records.write_json(project / "reports/evaluation/metrics.json", verdict)
    out = released()
    manifest.verify(out)
    with pytest.raises(GateError, match="Only a pass is served"):
        verdicts.check(verdicts.read(out / "verdict.json"), "rehearsal")


def test_the_card_says_what_the_gate_says(released):
    """The card calls a rehearsal a rehearsal, and gives rules, licences and limits."""
    text = (released() / "MODEL_CARD.md").read_text()
    assert (
        "**This is a rehearsal. It shows that the pipeline works; it is not for people.**" in text
    )
    assert "Verdict at level rehearsal: **pass**." in text
    assert "| dialogues | CC-BY-4.0 |" in text
    assert "| nll_below_base | response_nll - base -0.3 [-0.4, -0.2] | ≤ 0 |" in text
    assert "- The evidence does not settle: high_risk_items (" in text


def test_a_release_can_be_moved(released, tmp_path):
    """The folder is self-contained: elsewhere it verifies just as well."""
    moved = shutil.move(released(), tmp_path / "elsewhere")
    assert manifest.verify(Path(moved)).candidate == "moe_lora"
