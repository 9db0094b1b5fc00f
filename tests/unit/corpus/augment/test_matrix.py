"""Crisis conservation over 7 types x 5 severities x 5 strategies, with planted faults."""

import random
import re
from collections.abc import Callable, Sequence

import msgspec
import pytest

from caretune.corpus import conservation, crisis_wording
from caretune.corpus.augment import draft, matrix, paraphrase, pipeline, traces
from caretune.corpus.augment.draft import Draft
from caretune.corpus.augment.pipeline import STRATEGIES, Recipe
from caretune.corpus.conservation import Scan, Scanned
from caretune.errors import LineageError
from caretune.records import Conversation, Gold
from caretune.safety.chain import Chain
from caretune.safety.taxonomy import SEVERITIES, CrisisType

ACUTE = ("high", "imminent")
MEANS = re.compile(
    r"\b(?:pills?|tablets?|rope|knife|blade|razor|gun|bridge|train|poison|milligrams?|mg|bottles?"
    r"|cut(?:ting)?|hang(?:ing)?|jump(?:ing)?|drown(?:ing)?|burn(?:ing)?|shoot(?:ing)?)\b|\d",
    re.IGNORECASE,
)


def test_a_probe_for_each_type_and_severity() -> None:
    """Thirty-five rows with ids of their own, gold labels as their cell says, and whole turns."""
    probes = matrix.probes()
    assert len({probe.row.id for probe in probes}) == 35
    assert {(probe.type, probe.severity) for probe in probes} == {
        (kind, severity) for kind in CrisisType for severity in SEVERITIES
    }
    for kind, severity, row in probes:
        assert row.gold.crisis.severity == severity
        assert row.gold.crisis.types == ([] if severity == "none" else [kind])
        assert len(draft.cut(row)) == 2


def test_no_probe_names_a_method_a_means_or_an_amount() -> None:
    """Safe messaging holds for probes too."""
    turns = [turn.content for probe in matrix.probes() for turn in probe.row.messages]
    assert len(turns) == 140
    assert [text for text in turns if MEANS.search(text)] == []


def test_probes_at_risk_have_crisis_wording_to_keep() -> None:
    """From moderate up every probe has a sentence of the client's that must be kept."""
    grave = [p for p in matrix.probes() if p.severity in ("moderate", *ACUTE)]
    assert all(crisis_wording.kept(probe.row) for probe in grave)


def test_conservation_holds_in_every_cell(recipe: Recipe, chain: Chain) -> None:
    """With real filters no child is milder, and every cell that suits was drafted for.

    At high risk nobody is made to explain themselves, so demographic diversity has none there.
    """
    scan = conservation.scanner(chain)
    found = matrix.self_test(recipe._replace(counterfactual_rate=0.5), scan)
    cells = list(matrix._cells(found))
    assert len(cells) == 7 * 5 * 5
    assert sum(counts["children"] for *_, counts in cells) > 500
    for kind, severity, strategy, counts in cells:
        assert counts["milder"] == 0
        assert counts["tried"] >= 4
        suits = strategy != "demographic_diversity" or severity not in ACUTE
        assert bool(counts["children"] + counts["dropped"]) == suits, (kind, severity, strategy)


def test_equal_inputs_give_an_equal_table(recipe: Recipe, silent: Scan) -> None:
    """The self-test has no chance of its own."""
    assert matrix.self_test(recipe, silent) == matrix.self_test(recipe, silent)


def forgetful(parent: Conversation, generator: random.Random, _: Recipe) -> list[Draft | None]:
    """Paraphrase, and drop the first sentence of the client's that carries risk: a fault."""
    made = paraphrase.draft(parent, generator)
    risky = crisis_wording.kept(parent)
    if made is None or not risky:
        return [made]
    turns = [
        msgspec.structs.replace(turn, content=turn.content.replace(risky[0], "") or "…")
        for turn in made.conversation.messages
    ]
    return [Draft(msgspec.structs.replace(made.conversation, messages=turns), made.edits)]


def lenient(parent: Conversation, generator: random.Random, _: Recipe) -> list[Draft | None]:
    """Paraphrase, and take the gold label away: a fault."""
    made = paraphrase.draft(parent, generator)
    if made is None:
        return [None]
    return [Draft(msgspec.structs.replace(made.conversation, gold=Gold()), made.edits)]


def plant(monkeypatch: pytest.MonkeyPatch, fault: Callable[..., object]) -> None:
    """Put a faulty strategy in the place of paraphrase."""
    faulty = pipeline._STRATEGIES["paraphrase"]._replace(drafts=fault)
    monkeypatch.setitem(pipeline._STRATEGIES, "paraphrase", faulty)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(forgetful, "changed 1 sentences of parent", id="a sentence is dropped"),
        pytest.param(lenient, "has severity none, its parent", id="the label is dropped"),
    ],
)
def test_a_faulty_strategy_is_caught_at_its_first_child(
    recipe: Recipe,
    silent: Scan,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[..., object],
    said: str,
) -> None:
    """A strategy that drops the crisis sentence, or the label, stops the stage."""
    plant(monkeypatch, fault)
    with pytest.raises(LineageError, match=f"by paraphrase {said}"):
        matrix.self_test(recipe, silent)


@pytest.mark.parametrize("fault", [forgetful, lenient])
def test_a_faulty_strategy_is_caught_by_the_matrix_alone(
    recipe: Recipe, silent: Scan, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., object]
) -> None:
    """Even with the check of each child away, the table counts the milder children."""
    plant(monkeypatch, fault)
    monkeypatch.setattr(pipeline, "check_conserved", lambda *_: None)
    with pytest.raises(LineageError, match=r"does not hold in the self-test.*paraphrase made"):
        matrix.self_test(recipe, silent)


def test_a_filter_severity_that_falls_is_caught_by_the_matrix_alone(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the pipeline forgot to drop a child that scans milder, the matrix sees it."""
    probes = {probe.row.messages[0].content for probe in matrix.probes()}

    def scan(turns: Sequence[object]) -> Scanned:
        return Scanned("high" if turns[0].content in probes else "low")

    assert matrix.self_test(recipe, scan)
    judge, forgotten = conservation.milder, []

    def once_wrong(before: Scanned, after: Scanned) -> bool:
        fell = judge(before, after)
        if fell and not forgotten:
            forgotten.append(after)
            return False
        return fell

    monkeypatch.setattr(conservation, "milder", once_wrong)
    with pytest.raises(LineageError, match="in 1 cells"):
        matrix.self_test(recipe, scan)


def test_the_runs_own_children_are_counted_too(
    train_rows: list[Conversation], recipe: Recipe, silent: Scan
) -> None:
    """Rows of several types count under each; no type and no label have rows of their own."""
    found = list(traces.trace(pipeline.augment(train_rows, recipe, silent)))
    table = matrix.of(found)
    assert set(table) == {*CrisisType, "no_type", "not_labelled"}
    typed = sum(max(1, len(one.types)) for one in found)
    assert sum(counts["tried"] for *_, counts in matrix._cells(table)) == typed
    assert {*table["panic"]["high"]} == {*STRATEGIES}


def test_a_milder_child_of_the_run_is_caught(
    train_rows: list[Conversation], recipe: Recipe, silent: Scan
) -> None:
    """The guard can fail: one trace marked as milder stops the stage and names its cell."""
    found = [t for t in traces.trace(pipeline.augment(train_rows, recipe, silent)) if t.child]
    bad = next(one for one in found if one.types)
    with pytest.raises(LineageError) as caught:
        matrix.of([*found, bad._replace(milder=True)])
    assert f"{bad.strategy} made 1 of {bad.types[0]} at {bad.severity} milder" in str(caught.value)
    assert "does not hold in the run" in str(caught.value)
