"""The gate stage: a sound project passes; each defect is caught by the rule that is there for it."""

import shutil

import msgspec
import pytest

from caretune import records
from caretune.errors import CaretuneError, FilterError, GateError, ParamsError
from caretune.evaluation.result import Metrics
from caretune.lineage import digest
from caretune.params import loader
from caretune.records import Conversation, Crisis, ExpertExample, Gold
from tests.fixtures import evidence
from tests.stages.conftest import alter


def binding(verdict):
    """Return the results of the binding rules."""
    return {rule["name"]: rule["result"] for rule in verdict["rules"] if rule["binds"]}


def failing(verdict):
    """Return the binding rules that do not pass, with their details."""
    return {
        r["name"]: r["detail"] for r in verdict["rules"] if r["binds"] and r["result"] != "pass"
    }


def test_a_sound_project_passes_at_rehearsal(project, judge):
    """All rehearsal rules pass; the verdict says what it judged, by digest."""
    verdict = judge()
    assert (verdict["level"], verdict["result"]) == ("rehearsal", "pass")
    assert binding(verdict) == dict.fromkeys(
        ("ledger_conserved", "crisis_conserved", "leak", "licence", "integrity", "nll_below_base"),
        "pass",
    )
    assert verdict["subjects"] == {
        "base": digest.sha256_folder(project / "models/base"),
        "adapter": digest.sha256_folder(project / "models/adapter/moe_lora/best"),
        "filters": digest.sha256_folder(project / "models/filters"),
        "split": digest.sha256_folder(project / "data/split"),
        "items": digest.sha256_file(project / "reports/evaluation/items.jsonl"),
        "metrics": digest.sha256_file(project / "reports/evaluation/metrics.json"),
    }
    assert verdict["decoding"]["parameters"] == {"greedy": True}
    assert verdict["fingerprint"]["cpu_capability"] == "AVX2"


def test_what_rehearsal_does_not_require_is_still_reported(judge):
    """The toy base and the few high-risk items stand in the verdict without binding."""
    rules = {rule["name"]: rule for rule in judge()["rules"] if not rule["binds"]}
    assert rules["base_is_real"]["result"] == "fail"
    assert rules["high_risk_items"]["result"] == "inconclusive"
    assert rules["high_risk_items"]["needed_n"] == 100


def test_two_runs_give_equal_bytes(project, judge):
    """The verdict depends on its inputs alone."""
    path = project / "reports/gate/verdict.json"
    judge()
    first = path.read_bytes()
    judge()
    assert path.read_bytes() == first


def test_a_rehearsal_base_never_passes_above_rehearsal(project, judge):
    """At staging the toy base fails and the high-risk items do not suffice."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  level: rehearsal", "  level: staging", 1))
    assert loader.load(params).gate.level == "staging"
    verdict = judge()
    assert verdict["result"] == "fail"
    assert failing(verdict)["base_is_real"] == "the base is of kind rehearsal"
    assert binding(verdict)["high_risk_items"] == "inconclusive"


def test_production_asks_for_a_signed_protocol(project, judge):
    """Below production an unreviewed protocol table is reported, there it fails."""
    assert {r["name"]: r["binds"] for r in judge()["rules"]}["protocol_reviewed"] is False
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  level: rehearsal", "  level: production", 1))
    assert "is unreviewed" in failing(judge())["protocol_reviewed"]


def test_a_dropped_row_is_caught(project, judge):
    """A row that vanished from labelled/train after its ledger was written."""
    path = project / "data/labelled/train.jsonl"
    rows = [row for row in records.read(path, Conversation) if row.gold is None]
    first, *rest = rows
    kept = [row for row in records.read(path, Conversation) if row.id != first.id]
    records.write(path, kept)
    assert failing(judge()) == {
        "ledger_conserved": "1 in all, first: safety_label: "
        f"{first.id} has an edge but was never written"
    }
    assert rest


def test_a_dropped_crisis_row_is_caught_twice(project, judge):
    """A crisis row that vanished breaks the ledger and crisis conservation."""
    path = project / "data/labelled/train.jsonl"
    rows = list(records.read(path, Conversation))
    gone = next(row for row in rows if records.crisis_severity(row) in ("high", "imminent"))
    records.write(path, [row for row in rows if row is not gone])
    found = failing(judge())
    assert set(found) == {"ledger_conserved", "crisis_conserved"}
    assert found["crisis_conserved"] == (
        f"1 in all, first: safety_label: crisis row {gone.id} is gone without an exit"
    )


def test_a_milder_child_is_caught(project, judge):
    """A child whose gold severity fell below its parent's."""
    path = project / "data/augmented.jsonl"
    children = list(records.read(path, Conversation))
    grave = {
        row.id
        for row in records.read(project / "data/split/train.jsonl", Conversation)
        if records.crisis_severity(row) == "high"
    }
    at = next(n for n, row in enumerate(children) if row.parent in grave)
    mild = Gold(Crisis(severity="low"))
    children[at] = msgspec.structs.replace(children[at], gold=mild)
    records.write(path, children)
    assert (
        f"row {children[at].id} is milder than its parent" in failing(judge())["crisis_conserved"]
    )


def test_a_leaked_family_is_caught(project, judge):
    """One test row under a family of train."""
    train = next(records.read(project / "data/labelled/train.jsonl", Conversation))
    alter(project / "data/labelled/test.jsonl", family=train.family)
    assert failing(judge())["leak"] == "1 families are in more than one split"


def test_a_leaked_twin_is_caught(project, judge):
    """The same words in train and in test, under different families."""
    train = next(records.read(project / "data/labelled/train.jsonl", Conversation))
    alter(project / "data/labelled/test.jsonl", messages=train.messages)
    detail = failing(judge())["leak"]
    assert "near-duplicates" in detail
    assert train.id in detail


def test_another_filter_bundle_is_caught(project, judge):
    """Labels by another bundle than the one here."""
    row = next(records.read(project / "data/labelled/train.jsonl", Conversation))
    labels = msgspec.structs.replace(row.filter, digest="0" * 64)
    alter(project / "data/labelled/train.jsonl", filter=labels)
    assert "was labelled by another filter bundle" in failing(judge())["integrity"]


def test_an_altered_bundle_stops_the_gate(project, judge):
    """A filter bundle with a flipped byte is no evidence at all."""
    path = next((project / "models/filters").glob("*.safetensors"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(FilterError):
        judge()


def test_a_swapped_base_is_caught(project, judge):
    """A base with other bytes than the evaluation measured."""
    (project / "models/base/extra.txt").write_text("another base")
    assert failing(judge())["integrity"] == "1 in all, first: the evaluation measured another base"


def test_a_model_no_better_than_the_base_does_not_pass(project, judge):
    """NLL above the base fails; an interval around zero is inconclusive with a number."""
    path = project / "reports/evaluation/metrics.json"
    metrics = msgspec.json.decode(path.read_bytes(), type=Metrics)
    for value, expected in ((0.3, "fail"), (0.05, "inconclusive")):
        found = evidence.result(value=value, low=value - 0.1, high=value + 0.1)
        pairs = metrics.paired | {"moe_lora - base": {"response_nll": found}}
        records.write_json(path, msgspec.structs.replace(metrics, paired=pairs))
        verdict = judge()
        assert verdict["result"] == expected
        rule = next(rule for rule in verdict["rules"] if rule["name"] == "nll_below_base")
        assert (rule["needed_n"] is None) == (expected == "fail")


def test_an_unknown_candidate_is_refused(project, judge):
    """A candidate that was never trained is one sentence."""
    shutil.rmtree(project / "models/adapter/moe_lora")
    with pytest.raises(CaretuneError, match="no files to hash"):
        judge()


@pytest.mark.parametrize("name", ["evaluation/metrics.json", "data/leak_proof.json"])
def test_missing_evidence_is_refused(project, judge, name):
    """Without its evidence the gate says which file is missing; it writes no verdict."""
    path = project / "reports" / name
    path.unlink()
    with pytest.raises((GateError, CaretuneError)) as error:
        judge()
    assert str(path) in str(error.value)
    assert not (project / "reports/gate/verdict.json").exists()


def test_params_are_checked_first(project, judge):
    """A typo anywhere in params.yaml stops the gate before it reads anything."""
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("  candidate:", "  candidat:"))
    with pytest.raises(ParamsError, match=r"gate\.candidat: unknown key"):
        judge()


def test_a_forbidden_row_that_is_in_no_labelled_file_is_caught(project, judge):
    """A conversation of the expert set stands in the corpus alone."""
    examples = records.read(project / "data/split/expert.jsonl", ExpertExample)
    drawn = next(examples).conversation
    path = project / "data/corpus.jsonl"
    rows = records.read(path, Conversation)
    records.write(
        path,
        [msgspec.structs.replace(r, license="none") if r.id == drawn else r for r in list(rows)],
    )
    assert f"rows {drawn}. Set" in failing(judge())["licence"]
