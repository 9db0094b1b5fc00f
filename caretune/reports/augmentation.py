"""Augmentation: how many children, of what kinds, how near to their parents and how labelled."""

from collections.abc import Mapping
from typing import Any

from caretune.reports import figures, intervals, style, tables
from caretune.reports.style import Fragment
from caretune.reports.tables import Column, Step

Figures = Mapping[str, Any]
"""reports/data/augment.json, as its stage wrote it."""

_ROOM = 1.3
"""The scale of the ratio ends at so many times what is wanted."""
_LABELS = {
    "same": "accent",
    "one_step_graver": "lora",
    "graver": "moe_lora",
    "milder": "fail",
}
"""What became of the filters' label, and its colour."""
_ORDERS = {1: "words", 2: "word pairs", 3: "word triples"}


def ratio(augment: Figures) -> Fragment:
    """Draw rows after augmentation for each train row against the ratio that is wanted."""
    value, wanted = augment["ratio"], augment["wanted_ratio"]
    reached = value is not None and value >= wanted
    return style.draw(
        "row",
        tone="pass" if reached else "inconclusive",
        signed=True,
        name="Rows for each train row",
        note="the row itself and its children",
        drawing=intervals.strip(
            value, None, None, wanted, better="higher", ends=(1.0, _ROOM * max(wanted, value or 0))
        ),
        word="Reached" if reached else "Not reached",
        facts=[
            f"{style.quantity(value)} of {style.quantity(wanted)} wanted",
            f"{style.count(augment['children'])} children of {style.count(augment['train'])} rows",
        ],
    )


def strategies(augment: Figures) -> Fragment:
    """Draw for each strategy the parents it was tried on, the children kept and the exits."""
    steps = [
        Step(
            style.words(name),
            f"for {style.rate(found['parents_rate'])} of the rows",
            found["tried"],
            found["made"],
            {way: found[way] for way in sorted(augment["exits"]) if found.get(way)},
        )
        for name, found in augment["strategies"].items()
    ]
    return tables.flow(steps, ("tried", "children"))


def kinds(augment: Figures) -> Fragment:
    """Draw the mix of each strategy that has kinds; a child may be of several."""
    drawn = [
        style.draw(
            "figure",
            title=style.title(name),
            subtitle="children by kind",
            drawing=tables.bars(found["kinds"]),
        )
        for name, found in augment["strategies"].items()
        if found["kinds"]
    ]
    return figures.side_by_side(*drawn)


def variety(augment: Figures) -> Fragment:
    """Tabulate distinct n-grams over all of them, in train and in the children."""
    rows = {
        f"distinct {said}": {
            "train": augment[f"distinct_{order}_train"],
            "children": augment[f"distinct_{order}"],
            "added": augment[f"distinct_{order}_added"],
        }
        for order, said in _ORDERS.items()
    }
    columns = [
        Column("train rows", "train", tables.meter),
        Column("children", "children", tables.meter),
        Column("what only children say", "added", tables.meter),
    ]
    return tables.of("1 = none twice", rows, columns)


def nearness(augment: Figures) -> Fragment:
    """Tabulate by strategy how like children are to their parent, and how varied."""
    columns = [
        Column("like the parent", "parent_similarity", tables.meter),
        Column("almost the parent", "near_parent_rate", tables.warning),
        Column("distinct word pairs", "distinct_2", tables.meter),
        Column("counterfactual pairs", "pairs", style.count),
    ]
    return tables.of("strategy", {**augment["strategies"], "all": augment}, columns)


def agreement(augment: Figures) -> Fragment:
    """Draw by strategy how the filters label a child beside its parent."""
    rows = [
        [style.words(name), _shares(found["labels"]), _agreed(found["labels"])]
        for name, found in [*augment["strategies"].items(), ("all", augment)]
    ]
    said = {style.words(name): colour for name, colour in _LABELS.items()}
    return style.join(
        [
            style.draw("legend", said),
            tables.table(["strategy", "severity of the child", "same"], rows, figures_from=2),
        ]
    )


def _shares(labels: Figures) -> Fragment | str:
    compared = labels["compared"]
    if not compared:
        return style.NOT_MEASURED
    parts = {
        style.words(name): (labels[name] / compared, colour) for name, colour in _LABELS.items()
    }
    return style.draw("stack", parts)


def _agreed(labels: Figures) -> Fragment:
    return style.draw(
        "measured", style.rate(labels["same_rate"]), labels["compared"], labels["unscored"]
    )
