"""Trace: both ways between raw lines and releases, without a word that anybody said."""

import pytest

from caretune import records
from caretune.errors import LineageError
from caretune.lineage import digest, ledger, manifest
from caretune.proof import trace
from caretune.proof.stages import Step
from caretune.records import Conversation

STEPS = [
    Step("filters", ["data/raw/dialogues.jsonl"], ["models/filters"]),
    Step("ingest", ["data/raw/dialogues.jsonl"], ["data/corpus.jsonl"]),
]


def flat(node, depth=0):
    """Return all nodes below one, as `what name note`."""
    found = [f"{node.what} {node.name} {node.note}".strip()]
    return found + [line for child in node.to for line in flat(child, depth + 1)]


def edge_of(project, stage, **wanted):
    """Return the first edge of a stage with these fields."""
    return next(
        edge
        for edge in ledger.read(project.ledger(stage))
        if all(getattr(edge, name) == value for name, value in wanted.items())
    )


def parent(project):
    """Return a train row whose child was taken into training."""
    children = {edge.to: edge.source for edge in ledger.read(project.ledger("augment"))}
    taken = {edge.to for edge in ledger.read(project.ledger("safety_label"))}
    return next((row, child) for child, row in children.items() if child and child in taken)


def test_a_train_row_is_followed_to_the_release(whole):
    """Raw line, row, split, base, adapters, child with its strategy, verdict, release."""
    row, child = parent(whole)
    lines = flat(trace.row(whole, row, STEPS))
    for expected in (
        f"row {row} ",
        "split train",
        "model base trained on it",
        "labelled train",
        "model adapter/lora trained on it",
        "model adapter/moe_lora trained on it",
        f"child {child} paraphrase",
        "touched adapter/lora, adapter/moe_lora, base",
        "verdict pass at level rehearsal",
        f"release {digest.sha256_file(whole.release / 'manifest.json')} serves base and",
    ):
        assert [line for line in lines if line.startswith(expected)], expected
    assert lines[1].startswith("raw line ")


def test_a_child_is_followed_back_to_its_line_alone(whole):
    """Its parent and raw line, and nothing else that the parent became."""
    row, child = parent(whole)
    lines = flat(trace.row(whole, child, STEPS))
    assert [line for line in lines if line.startswith(f"row {row}")]
    assert [line for line in lines if line.startswith(f"child {child}")]
    assert sum(line.startswith("child") for line in lines) == 1


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("validation", "model adapter/lora stopped early by it"),
        ("test", "metrics evaluation measured on it, and the verdict with them"),
    ],
)
def test_a_held_out_row_tells_what_it_decided(whole, split, expected):
    """Validation stopped the adapters early; test is what the metrics and the verdict stand on."""
    row = edge_of(whole, "split", detail=split).source
    lines = flat(trace.row(whole, row, STEPS))
    assert expected in lines
    assert "model base trained on it" not in lines


def test_an_expert_row_leads_to_its_example(whole):
    """It touched no model; that nobody has scored it is said."""
    row = edge_of(whole, "split", to="e" * 32).source
    lines = flat(trace.row(whole, row, STEPS))
    assert f"expert example {'e' * 32}" in lines
    assert "expert set split/expert for people to score; no score is known here" in lines
    assert "nothing no model and no metric" in lines


@pytest.mark.parametrize(
    ("stage", "way"), [("ingest", "duplicate"), ("split", "expert_family"), ("augment", "no_child")]
)
def test_an_exit_is_told_with_its_stage(whole, stage, way):
    """A row that left says where and why."""
    name = edge_of(whole, stage, exit=way).source
    lines = flat(trace.row(whole, name, STEPS))
    assert [line for line in lines if line.startswith(f"exit {way} at {stage}")]


def test_stages_that_read_a_raw_file_past_the_ledger_are_told(whole):
    """What no ledger tells is said to be so."""
    steps = [Step("notes", [str(whole.sources[0].path)], ["notes"]), *STEPS]
    line = edge_of(whole, "ingest", source="dialogues:1").source
    lines = flat(trace.row(whole, line, steps))
    assert "file read by notes as a whole; no ledger tells which rows count" in lines


@pytest.mark.parametrize(
    ("exit_", "detail", "learnt"),
    [
        ("", "", True),
        ("low_quality", f"{'a' * 32}: too short", True),
        ("no_reply", "line 1", False),
        ("suppressed", f"{'a' * 32}: the row is suppressed", False),
    ],
)
def test_a_row_of_a_file_that_the_filters_read_taught_them(project, exit_, detail, learnt):
    """As `forget` counts it: all that could be named and is not suppressed."""
    steps = [Step("filters", [str(project.sources[0].path)], ["models/filters"])]
    edges = [e for e in ledger.read(project.ledger("ingest")) if e.source != "dialogues:1"]
    way = ledger.Edge("ingest", "dialogues:1", to="" if exit_ else "a" * 32, exit=exit_)
    way = ledger.Edge("ingest", way.source, to=way.to, exit=exit_, detail=detail)
    ledger.write(project.ledger("ingest"), [way, *edges])
    lines = flat(trace.row(project, "dialogues:1", steps))
    assert ("model filters trained on it" in lines) is learnt
    assert ("touched filters" in lines) is learnt


def test_a_checkpoint_is_not_said_to_be_trained_on_a_row(project):
    """What other people's base was trained on is not known, and said to be."""
    records.write_json(project.pipeline["base"] / "base.json", {"kind": "checkpoint"})
    lines = flat(trace.row(project, parent(project)[0], STEPS))
    assert "model base a checkpoint: what it was trained on is not known here" in lines
    assert "touched adapter/lora, adapter/moe_lora" in lines


def test_no_verdict_and_no_release_are_said(project):
    """Before the gate and the release have run, the tree ends where knowledge ends."""
    (project.release / "manifest.json").unlink()
    assert "release none no release is here" in flat(trace.verdict(project))
    project.pipeline["verdict"].unlink()
    assert flat(trace.verdict(project)) == ["verdict none no verdict is here"]


def test_a_release_of_other_ledgers_is_said_to_be_one(project):
    """After a new run of the data stages the old release did not see these rows."""
    path = project.ledger("augment")
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2].rpartition(b"\n")[0] + b"\n")
    assert "made from other ledgers than those here" in flat(trace.release(project))[0]


def test_a_release_of_format_1_is_said_to_know_no_rows(project):
    """It recorded the roots of its ledgers, but no file between raw data and itself."""
    old = manifest.read(project.release)
    manifest.write(
        project.release,
        candidate=old.candidate,
        sources=old.sources,
        ledger=old.ledger,
        digests=old.digests,
        fingerprint=old.fingerprint,
    )
    assert "it does not say from which rows it was made" in flat(trace.release(project))[0]


def test_no_message_is_in_a_tree(whole):
    """Of forty rows, not one sentence."""
    rows = list(records.read(whole.pipeline["corpus"], Conversation))
    for row in rows[:10]:
        text = "\n".join(flat(trace.row(whole, row.id, STEPS)))
        assert not [turn for turn in row.messages if turn.content[:25] in text]


def test_a_name_is_found_by_its_first_digits(whole):
    """Eight digits are enough; raw lines and whole ids are found as they are."""
    row, child = parent(whole)
    assert trace.find(whole, row[:8]) == row
    assert trace.find(whole, child) == child
    assert trace.find(whole, "dialogues:1") == "dialogues:1"


@pytest.mark.parametrize("name", ["0" * 32, "abcdef0", "dialogues:9999", "nonsense"])
def test_an_unknown_name_is_one_sentence(whole, name):
    """It says what may be asked for."""
    with pytest.raises(LineageError, match=f"{name}: no row, raw line, file or release is called"):
        trace.find(whole, name)


def test_an_ambiguous_prefix_is_one_sentence(project):
    """Two rows that begin alike need more digits."""
    path = project.ledger("augment")
    edges = [ledger.Edge("augment", "a" * 31 + last, exit="no_child") for last in "12"]
    ledger.write(path, edges)
    with pytest.raises(LineageError, match=r"a{8}: 2 rows begin so\. Give more digits"):
        trace.find(project, "a" * 8)


def test_what_a_ledger_names_and_no_file_holds_is_said(project):
    """A row without its corpus line, a child without its own."""
    row, child = parent(project)
    records.write(project.pipeline["corpus"], [])
    records.write(project.pipeline["augmented"], [])
    lines = flat(trace.row(project, row, STEPS))
    assert f"row {row} not in the corpus" in lines
    assert f"child {child} not among the augmented rows" in lines


def test_a_line_of_a_source_that_is_off_is_said(project):
    """Its file is not known any more."""
    without = project._replace(sources=[])
    assert "raw line dialogues:1 of a source that params do not name" in flat(
        trace.row(without, "dialogues:1", STEPS)
    )
