"""Conservation over all stages, with one defect planted at a time."""

import tracemalloc

import msgspec
import pytest

from caretune import records
from caretune.gate import conservation
from caretune.gate.conservation import Rows
from caretune.lineage.ledger import Edge
from caretune.records import Conversation, Crisis, ExpertExample, FilterLabels, Gold, Message
from caretune.safety.taxonomy import SEVERITIES


def full(name, severity="none", **given):
    """Build a row with a gold severity."""
    gold = Gold(Crisis(severity=severity))
    return Conversation(name, "s", "l", [Message("user", name)], gold=gold, **given)


def row(name, severity="none", **given):
    """Build what conservation keeps of such a row."""
    return conservation.light(full(name, severity, **given))


def sound(severity="moderate"):
    """Five rows: one leaves at ingest, one for experts, one child is kept, one not sampled."""
    a, b = row("a", severity, split="train"), row("b", split="test")
    child, other = row("a1", severity, parent="a", split="train"), row("a2", severity, parent="a")
    edges = {
        "ingest": [
            *(Edge("ingest", f"line {n}", to=n) for n in "abc"),
            Edge("ingest", "line 4", exit="duplicate"),
        ],
        "split": [Edge("split", "a", "a"), Edge("split", "b", "b"), Edge("split", "c", "e")],
        "augment": [Edge("augment", "a", "a1"), Edge("augment", "a", "a2")],
        "safety_label": [
            *(Edge("safety-label", n, n) for n in ("a", "b", "a1")),
            Edge("safety-label", "a2", exit="not_sampled"),
        ],
    }
    return Rows(
        corpus=[a, b, row("c")],
        split=[a, b],
        experts=["e"],
        augmented=[child, other],
        labelled=[a, b, child],
        edges=edges.__getitem__,
    )


def test_a_sound_run_conserves_everything():
    """Every row read is written or has a named exit; crisis rows too."""
    ledger, crisis = (
        check(sound()) for check in (conservation.ledger_conserved, conservation.crisis_conserved)
    )
    assert (ledger.result, ledger.value, ledger.n) == ("pass", 0, 12)
    assert (crisis.result, crisis.value, crisis.n) == ("pass", 0, 1)


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        pytest.param({"corpus": lambda r: r[1:]}, "ingest: a has an edge but was never written", id="corpus"),
        pytest.param({"split": lambda r: r[:1]}, "split: b has an edge but was never written", id="split"),
        pytest.param({"experts": lambda _: []}, "split: e has an edge but was never written", id="expert"),
        pytest.param({"augmented": lambda r: [*r, row("x", parent="a")]}, "augment: x came from nowhere", id="child"),
        pytest.param({"labelled": lambda r: [*r, r[0]]}, "safety_label: a was written 2 times", id="labelled"),
        pytest.param({"edges": lambda edges: lambda stage: edges(stage)[stage == "split" :]}, "split: a was read and left no trace", id="edge"),
    ],
)  # fmt: skip
def test_a_defect_at_any_stage_is_named(changed, first):
    """The stage and the row stand in the detail; the count is at least one."""
    rows = sound()
    rows = rows._replace(**{name: change(getattr(rows, name)) for name, change in changed.items()})
    found = conservation.ledger_conserved(rows)
    assert found.result == "fail"
    assert f"first: {first}" in found.detail


@pytest.mark.parametrize("severity", SEVERITIES[1:])
@pytest.mark.parametrize("stage", ["split", "labelled"])
def test_a_crisis_row_gone_without_exit_is_named(severity, stage):
    """Whatever its severity above none, at either stage."""
    rows = sound(severity)
    found = conservation.crisis_conserved(rows._replace(**{stage: getattr(rows, stage)[1:]}))
    assert found.result == "fail"
    assert "crisis row a is gone" in found.detail or "a1 has no parent" in found.detail


def test_a_crisis_row_may_leave_by_a_named_exit():
    """a2 is a crisis row that was not sampled: an exit, no loss."""
    assert conservation.crisis_conserved(sound("imminent")).value == 0


def test_a_row_without_risk_may_go():
    """Crisis conservation says nothing of calm rows; the ledger does."""
    rows = sound()
    rows = rows._replace(labelled=[rows.labelled[0], rows.labelled[2]])
    assert conservation.crisis_conserved(rows).result == "pass"
    assert conservation.ledger_conserved(rows).result == "fail"


@pytest.mark.parametrize("parent", range(len(SEVERITIES)))
@pytest.mark.parametrize("child", range(len(SEVERITIES)))
def test_severity_never_falls_from_parent_to_child(parent, child):
    """All 25 pairs: a child as grave or graver is sound, a milder one is a fault."""
    rows = sound(SEVERITIES[parent])
    children = [one._replace(severity=SEVERITIES[child]) for one in rows.augmented]
    labelled = [*rows.labelled[:2], children[0]]
    found = conservation.crisis_conserved(rows._replace(augmented=children, labelled=labelled))
    assert (found.result == "pass") == (child >= parent)
    if child < parent:
        assert found.value == 2
        assert "row a1 is milder than its parent a" in found.detail


def test_severity_never_falls_in_place():
    """A row whose gold label was lowered between two stages is a fault."""
    rows = sound("high")
    lowered = rows.labelled[0]._replace(severity="low")
    found = conservation.crisis_conserved(rows._replace(labelled=[lowered, *rows.labelled[1:]]))
    assert "safety_label: crisis row a lost severity" in found.detail


def test_a_child_of_held_out_rows_is_a_fault():
    """Only train has children; one of a test row would leak it into training."""
    rows = sound()
    stray = rows.augmented[0]._replace(parent="b")
    found = conservation.crisis_conserved(rows._replace(augmented=[stray, rows.augmented[1]]))
    assert "row a1 has no parent in train" in found.detail


def files(folder):
    """Write the sound run as the stages write it."""
    a, b, c = full("a", "high", split="train"), full("b", split="test"), full("c")
    unlabelled = msgspec.structs.replace(full("d", split="train"), gold=None, family="family")
    labels = FilterLabels(Crisis(), [], toxic=False, inappropriate=[], pii={}, digest="digest")
    child = full("a1", "high", parent="a", split="train", filter=labels)
    example = ExpertExample("e", "c", "c", [], "reply", "sleep", crisis=False)
    parts = {"train": [a, unlabelled], "validation": [], "test": [b]}
    records.write(folder / "corpus.jsonl", [a, b, c, unlabelled])
    for name, rows in parts.items():
        records.write(folder / "split" / f"{name}.jsonl", rows)
        records.write(folder / "labelled" / f"{name}.jsonl", rows)
    records.write(folder / "split" / "expert.jsonl", [example])
    records.write(folder / "augmented.jsonl", [child])
    edges = [Edge("split", n, n) for n in "abd"] + [Edge("split", "c", "e")]
    for name in ("ingest", "split", "augment", "safety_label"):
        records.write(folder / "ledger" / f"{name}.jsonl", edges if name == "split" else [])
    return folder


def test_files_are_read_into_light_rows(tmp_path):
    """Names and severity stay of a row; no label counts as none; edges come anew."""
    folder = files(tmp_path)
    rows = conservation.read(
        folder / "corpus.jsonl",
        folder / "split",
        folder / "augmented.jsonl",
        folder / "labelled",
        folder / "ledger",
    )
    assert rows.corpus[0] == ("a", "high", None, "train", None, None)
    assert rows.split[1] == ("d", "none", None, "train", "family", None)
    assert rows.augmented == [("a1", "high", "a", "train", None, "digest")]
    assert rows.experts == ["e"]
    assert len(list(rows.edges("split"))) == len(list(rows.edges("split"))) == 4


def test_the_file_decides_the_split(tmp_path):
    """A row of train that calls itself a test row is judged as a train row."""
    folder = files(tmp_path)
    records.write(folder / "split" / "train.jsonl", [full("a", split="test")])
    assert [row.split for row in conservation.read_splits(folder / "split")] == ["train", "test"]


@pytest.mark.slow
def test_a_hundred_thousand_rows_stay_small():
    """Half a kilobyte a row at most: no text of a row stays."""
    tracemalloc.start()
    kept = [
        conservation.light(
            Conversation(
                f"{n:032x}", "s", "l", [Message("user", f"{n} " * 200)], parent=f"{n // 9:032x}"
            )
        )
        for n in range(100_000)
    ]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 100_000
    assert size < 500 * len(kept)
