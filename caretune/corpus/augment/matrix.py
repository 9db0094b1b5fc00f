"""Crisis conservation over 7 crisis types x 5 severities x 5 strategies, tested at every run.

Thirty-five probes, short dialogues of known type and severity, go through every strategy with
several seeds; then the run's own children are counted in the same table. A child that is milder than
its parent in any way stops the stage.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import cycle
from typing import Any, NamedTuple

from caretune.corpus.augment import pipeline, traces
from caretune.corpus.augment.draft import table
from caretune.corpus.augment.pipeline import STRATEGIES, Recipe
from caretune.corpus.augment.traces import Trace
from caretune.corpus.conservation import Scan, Scanned
from caretune.errors import LineageError
from caretune.lineage import identity
from caretune.records import Conversation, Crisis, Gold, Message, Role
from caretune.safety.taxonomy import SEVERITIES, CrisisType, Severity

_SEEDS = range(4)
_TURNS: tuple[Role, ...] = ("user", "assistant")
NO_TYPE = "no_type"
Counts = dict[str, int]
"""tried, children, dropped (drafted, and left by an exit) and milder (of the children; must be 0)."""
Matrix = dict[str, dict[str, dict[str, Counts]]]
"""Crisis type -> severity -> strategy -> counts."""


class Probe(NamedTuple):
    """A parent of known type and severity."""

    type: str
    severity: str
    row: Conversation


@cache
def probes() -> tuple[Probe, ...]:
    """Return the thirty-five probes, one for each type and severity; at `none` the topic alone."""
    cells = table("probes")
    return tuple(
        Probe(kind, severity, _row(kind, severity, cells[kind]))
        for kind in CrisisType
        for severity in SEVERITIES
    )


def self_test(recipe: Recipe, scan: Scan) -> Matrix:
    """Send every probe through every strategy, with the mix and limits of the run.

    Raises:
        LineageError: A child is milder than its probe, or lost its crisis wording.
    """
    cells = {probe.row.id: (probe.type, probe.severity) for probe in probes()}
    every = recipe._replace(
        probabilities=dict.fromkeys(STRATEGIES, 1.0), max_children=2 * len(STRATEGIES)
    )
    scan = _once(scan)
    matrix = _empty(CrisisType)
    for seed in _SEEDS:
        rows = (probe.row for probe in probes())
        tried = pipeline.augment(rows, every._replace(seed=seed), scan)
        for trace in traces.trace(tried):
            kind, severity = cells[trace.parent]
            _count(matrix[kind][severity], trace)
    check(matrix, "the self-test")
    return matrix


def of(found: Iterable[Trace]) -> Matrix:
    """Count a run's attempts by the parent's gold types and severity.

    A parent of several types counts under each, one of none under `no_type`, and one without gold
    under `not_labelled`.

    Raises:
        LineageError: A child is milder than its parent, or lost its crisis wording.
    """
    matrix = _empty([*CrisisType, NO_TYPE])
    for trace in found:
        absent = trace.severity == traces.NOT_LABELLED
        for kind in trace.types or ((traces.NOT_LABELLED,) if absent else (NO_TYPE,)):
            _count(matrix.setdefault(kind, {}).setdefault(trace.severity, {}), trace)
    check(matrix, "the run")
    return matrix


def check(matrix: Matrix, where: str) -> None:
    """Check that no child of a matrix is milder.

    Raises:
        LineageError: Names the cells.
    """
    faults = [
        f"{strategy} made {counts['milder']} of {kind} at {severity} milder"
        for kind, severity, strategy, counts in _cells(matrix)
        if counts["milder"]
    ]
    if faults:
        raise LineageError(
            f"augment: crisis conservation does not hold in {where}, in {len(faults)} cells: "
            f"{'; '.join(faults[:3])}. Mend the strategy before anything is trained on its children."
        )


def _cells(matrix: Matrix) -> Iterator[tuple[str, str, str, Counts]]:
    for kind, severities in matrix.items():
        for severity, strategies in severities.items():
            for strategy, counts in strategies.items():
                yield kind, severity, strategy, counts


def _count(strategies: dict[str, Counts], trace: Trace) -> None:
    counts = strategies.setdefault(trace.strategy, _zero())
    counts["tried"] += 1
    counts["children"] += bool(trace.child)
    counts["dropped"] += trace.exit not in {"", "not_suited"}
    counts["milder"] += trace.milder and bool(trace.child)


def _empty(kinds: Iterable[str]) -> Matrix:
    return {
        str(kind): {str(s): {name: _zero() for name in STRATEGIES} for s in SEVERITIES}
        for kind in kinds
    }


def _zero() -> Counts:
    return {"tried": 0, "children": 0, "dropped": 0, "milder": 0}


def _once(scan: Scan) -> Scan:
    """Scan the same words once only: every probe is a parent several times."""
    known: dict[tuple[str, ...], Scanned] = {}

    def scanned(turns: Sequence[Message]) -> Scanned:
        words = tuple(turn.content for turn in turns)
        if words not in known:
            known[words] = scan(turns)
        return known[words]

    return scanned


def _row(kind: str, severity: str, cells: dict[str, Any]) -> Conversation:
    told = cells["severities"][severity]
    roles = cycle(_TURNS)
    turns = [Message(role, text) for role, text in zip(roles, told, strict=False)]
    name = identity.content_id("probe", turns)
    at_risk = severity != Severity.NONE
    return Conversation(
        id=name,
        source="probe",
        license="CC-BY-4.0",
        messages=turns,
        family=name,
        split="train",
        domain="crisis_safety" if at_risk else "mental_health_support",
        category=cells["category"],
        gold=Gold(Crisis([kind] if at_risk else [], severity)),
    )
