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
_DISTINCT = {"distinct_1": "words", "distinct_2": "word pairs", "distinct_3": "word triples"}


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
    """Tabulate distinct n-grams over all of them, in samples of train rows and of each strategy."""
    train = {name: augment[f"{name}_train"] for name in _DISTINCT} | {"sampled": None}
    columns = [
        *(Column(caption, name, tables.meter) for name, caption in _DISTINCT.items()),
        Column("rows sampled", "sampled", _sampled),
    ]
    return tables.of("distinct", {"train rows": train, **augment["strategies"]}, columns)


def nearness(augment: Figures) -> Fragment:
    """Tabulate by strategy how like children are to their parent, and how many are pairs."""
    columns = [
        Column("like the parent", "parent_similarity", tables.meter),
        Column("almost the parent", "near_parent_rate", tables.warning),
        Column("counterfactual pairs", "pairs", style.count),
    ]
    return tables.of("strategy", {**augment["strategies"], "all": augment}, columns)


def agreement(augment: Figures) -> Fragment:
    """Draw by strategy how the filters label a child beside its parent."""
    rows = [
        [style.words(name), _shares(found["labels"])]
        for name, found in [*augment["strategies"].items(), ("all", augment)]
    ]
    said = {style.words(name): colour for name, colour in _LABELS.items()}
    return style.join(
        [
            style.draw("legend", said),
            tables.table(["strategy", "severity of the child"], rows, figures_from=2),
        ]
    )


def _shares(labels: Figures) -> Fragment | str:
    compared = labels["compared"]
    if not compared:
        return style.NOT_MEASURED
    parts = {
        style.words(name): (labels[name] / compared, colour) for name, colour in _LABELS.items()
    }
    said = style.draw(
        "measured", f"{style.rate(labels['same_rate'])} the same", compared, labels["unscored"]
    )
    return style.join([style.draw("stack", parts), said])


def _sampled(number: int | None) -> str | None:
    return None if number is None else style.count(number)
