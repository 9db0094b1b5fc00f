"""Crisis conservation: rows at risk through the stages, and type by severity by strategy."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from caretune.reports import style, tables
from caretune.reports.style import Fragment
from caretune.reports.tables import Step

Figures = Mapping[str, Any]
"""The content of a file below reports/data, as its stage wrote it."""
Matrix = Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]
"""Crisis type -> severity -> strategy -> tried, children, dropped, milder."""

_NOTES = {
    "ingest": "lines at risk by their author's label",
    "split": "into a split or the expert set",
    "augment": "train rows; out are those that have children",
    "safety-label": "splits and children; a part is sampled",
}
_SHORT = {"moderate": "mod.", "imminent": "imm.", "not_labelled": "none given"}


class Square(NamedTuple):
    """A square of the matrix: what it shows, says in full, and how strongly it is tinted, 0..1."""

    text: str
    title: str
    share: float
    tone: str


def verdict(stages: Mapping[str, Figures], augment: Figures) -> Fragment:
    """State whether every row at risk is accounted for and no child is milder than its parent."""
    lost = sum(_open(found["crisis"]) for found in stages.values())
    probed = sum(cell["children"] for cell in _cells(augment["conservation"]["probes"]))
    worse = milder(augment)
    holds = not lost and not worse
    return style.draw(
        "statement",
        "pass" if holds else "fail",
        f"Crisis conservation {'holds' if holds else 'does not hold'}",
        f"Over {len(stages)} stages, rows at risk that are gone without an exit: "
        f"{style.count(lost)}. Among {style.count(probed)} children of the self-test and "
        f"{style.count(augment['children'])} of this run, milder than their parent: "
        f"{style.count(worse)}.",
    )


def milder(augment: Figures) -> int:
    """Return the children that are milder than their parent, in the self-test and in the run."""
    matrices = augment["conservation"].values()
    return sum(cell["milder"] for counts in matrices for cell in _cells(counts))


def flow(stages: Mapping[str, Figures]) -> Fragment:
    """Draw the rows at risk through the stages: in = out + named exits."""
    return tables.flow(
        [
            Step(stage, _NOTES[stage], crisis["in"], crisis["out"], crisis["exits"])
            for stage, crisis in ((stage, found["crisis"]) for stage, found in stages.items())
        ],
        ("in", "out"),
    )


def severities(stages: Mapping[str, Figures]) -> Fragment:
    """Tabulate rows at risk by stage and severity: in, out, and what left by which exit."""
    found = {stage: one["crisis"]["severities"] for stage, one in stages.items()}
    names = list(
        tables.ordered(dict.fromkeys(["none", *(n for one in found.values() for n in one)]))
    )
    names.remove("none")
    rows = [[stage, *(_account(one.get(name)) for name in names)] for stage, one in found.items()]
    return tables.table(["stage", *map(style.words, names)], rows)


def matrix(counts: Matrix) -> Fragment:
    """Draw children by type (down) and severity (across), one square field for each strategy."""
    types = {kind: found for kind, found in counts.items() if "none" in found}
    at_risk = {kind: found for kind, found in types.items() if kind != "no_type"}
    most = max((cell["children"] for cell in _cells(at_risk)), default=0) or 1
    strategies = dict.fromkeys(
        name for found in types.values() for cells in found.values() for name in cells
    )
    return style.draw("grid", style.join(_field(types, name, most) for name in strategies))


def unlabelled(augment: Figures) -> Fragment:
    """Say what became of the parents that nobody labelled, which no severity can be held against."""
    given = augment["severity_parent_child"].get("not_labelled", {})
    graded = sum(number for name, number in given.items() if name != "not_labelled")
    return style.draw(
        "paragraph",
        f"{style.count(sum(given.values()))} children have a parent that no author labelled; "
        f"{style.count(graded)} of them were given a severity by their strategy.",
    )


def labelled(augment: Figures) -> Fragment:
    """Draw the severity of labelled parents (down) by that of their children (across)."""
    counts: Mapping[str, Mapping[str, int]] = augment["severity_parent_child"]
    return tables.heat(
        "parent", {name: row for name, row in counts.items() if name != "not_labelled"}
    )


def _field(types: Matrix, strategy: str, most: int) -> Fragment:
    severities = list(tables.ordered(next(iter(types.values()))))
    rows = {
        kind: [_square(found[name].get(strategy), most) for name in severities]
        for kind, found in types.items()
    }
    drawing = style.draw("squares", [_SHORT.get(name, name) for name in severities], rows)
    counts = [found[name].get(strategy) for found in types.values() for name in severities]
    children = sum(count["children"] for count in counts if count)
    return style.draw(
        "figure",
        title=style.title(strategy),
        subtitle=f"{style.count(children)} children",
        drawing=drawing,
    )


def _square(cell: Mapping[str, int] | None, most: int) -> Square:
    if not cell or not cell["tried"]:
        return Square("·", "no parent", 0.0, "accent")
    title = ", ".join(f"{style.count(number)} {name}" for name, number in sorted(cell.items()))
    if cell["milder"]:
        return Square(f"{style.count(cell['milder'])} milder", title, 1.0, "fail")
    share = min(1.0, cell["children"] / most)
    return Square(style.count(cell["children"]), title, share, "pass")


def _account(found: Figures | None) -> Fragment | None:
    if found is None:
        return None
    left = ", ".join(
        f"{style.count(number)} {style.words(name)}" for name, number in found["exits"].items()
    )
    said = style.markup(f"{style.count(found['in'])} → {style.count(found['out'])}")
    return Fragment(f"{said}<small>{style.markup(left)}</small>")


def _open(crisis: Figures) -> int:
    """Return rows at risk that neither came out nor have a named exit; more out than in counts too."""
    return abs(int(crisis["in"] - crisis["out"] - sum(crisis["exits"].values())))


def _cells(counts: Matrix) -> Iterator[Mapping[str, int]]:
    for severities in counts.values():
        for strategies in severities.values():
            yield from strategies.values()
