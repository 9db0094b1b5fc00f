"""The figures of the data: where rows came from, where each went, and that nothing leaked or eased."""

from collections.abc import Mapping, Sequence
from typing import Any

from caretune.reports import intervals, style, tables
from caretune.reports.style import Fragment
from caretune.reports.tables import Step

SEVERITIES = ("none", "low", "moderate", "high", "imminent")
_DIFFICULTIES = ("routine", "moderate", "hard", "crisis")
_SPLITS = ("train", "validation", "test")

Figures = Mapping[str, Any]
"""The content of a file below reports/data, as its stage wrote it."""


def key_figures(ingest: Figures, split: Figures, augment: Figures, proof: Figures) -> Fragment:
    """Draw what matters most."""
    return tables.tiles(
        {
            "dialogues in the corpus": style.count(ingest["rows"]["total"]),
            "rows: train/validation/test": "/".join(
                style.count(split["splits"][name]["rows"]) for name in _SPLITS
            ),
            "rows after augmentation for each train row": style.quantity(augment["ratio"]),
            "families in more than one split": style.count(proof["families_shared"]),
            "closest pair across splits (1 = same words)": style.quantity(
                proof["worst"]["similarity"]
            ),
        }
    )


def way_of_rows(
    ingest: Figures, split: Figures, augment: Figures, safety_label: Figures
) -> Fragment:
    """Draw rows through the four stages; what leaves is named by its exit."""
    children, experts = augment["children"], split["expert"]["found"]["examples"]
    return tables.flow(
        [
            _step("ingest", "lines of all sources", ingest),
            _step("split", f"by families; {experts} go to the expert set", split),
            Step(
                "augment",
                "train rows and their children",
                augment["train"],
                augment["train"] + children,
                {},
            ),
            _step("safety-label", "all splits and the children", safety_label),
        ]
    )


def mix(ingest: Figures) -> Fragment:
    """Draw the corpus by source, domain, difficulty and severity."""
    rows = ingest["rows"]
    orders = {"source": (), "domain": (), "difficulty": _DIFFICULTIES, "severity": SEVERITIES}
    return style.join(
        Fragment(f"<h3>By {part}</h3>{tables.bars(ordered(rows[part], order)).html}")
        for part, order in orders.items()
    )


def sources(ingest: Figures) -> Fragment:
    """List licences, and what was taken out of the text at the door."""
    licences = [
        [f"licence {name}", style.count(n)] for name, n in ingest["rows"]["license"].items()
    ]
    pii = ingest["pii"]
    redacted = (
        [[f"{name} replaced by a placeholder", style.count(n)] for name, n in pii.items()]
        if pii is not None
        else [["redaction of personal data", "switched off in params"]]
    )
    return tables.table(["", "count"], [*licences, *redacted])


def splits(split: Figures) -> Fragment:
    """Draw rows, families, domains and severities of each split."""
    parts = {name: split["splits"][name] for name in _SPLITS}
    rows: list[list[str]] = [
        [caption, *(style.count(part[field]) for part in parts.values())]
        for caption, field in (
            ("rows", "rows"),
            ("families", "families"),
            ("rows of the largest family", "largest_family"),
        )
    ]
    for field in ("domain", "severity"):
        names = dict.fromkeys(name for part in parts.values() for name in part[field])
        rows += [
            [
                f"{field}: {style.words(name)}",
                *(style.count(part[field].get(name, 0)) for part in parts.values()),
            ]
            for name in ordered(names)
        ]
    return tables.table(["", *parts], rows)


def leak(proof: Figures) -> Fragment:
    """Draw the closest pair of rows across splits against the threshold of near-duplicates."""
    shared, worst = proof["families_shared"], proof["worst"]["similarity"]
    holds = not shared and worst < proof["threshold"]
    drawing = intervals.strip(worst, None, None, proof["threshold"], better="lower")
    facts = intervals.facts(
        [
            f'<b class="word">{"No leak found" if holds else "Leak"}</b>',
            f"closest pair: {style.quantity(worst)}",
            f"families in more than one split: {style.count(shared)}",
            f"a pair at the threshold is found with probability {style.rate(proof['found_rate'])}",
        ]
    )
    note = style.markup(proof["method"])
    return Fragment(
        f'<div class="rule {"pass" if holds else "fail"}"><span></span><span class="name">'
        f"Closest pair across splits<small>{note}</small></span>{drawing}{facts}</div>"
    )


def strategies(augment: Figures) -> Fragment:
    """Draw each strategy: how often tried, how many children, and why the others were dropped."""
    fields = ("tried", "made", "not_suited", "severity_lost", "near_parent")
    return tables.table(
        [
            "strategy",
            "tried",
            "children",
            "not suited",
            "severity lost",
            "of the children: near parent",
        ],
        [
            [style.words(name), *(style.count(one.get(field, 0)) for field in fields)]
            for name, one in augment["strategies"].items()
        ],
    )


def conservation(augment: Figures) -> Fragment:
    """Draw children by their parent's severity (down) and their own (across)."""
    return matrix("parent's severity", augment["severity_parent_child"])


def matrix(title: str, counts: Mapping[str, Mapping[str, int]]) -> Fragment:
    """Draw counts by severity, one down and one across; the diagonal is marked."""
    across = ordered(dict.fromkeys(name for row in counts.values() for name in row))
    return tables.table(
        [title, *map(style.words, across)],
        [
            [
                style.words(down),
                *(_count(counts[down].get(name, 0), marked=name == down) for name in across),
            ]
            for down in ordered(counts)
        ],
    )


def ordered(counts: Mapping[str, Any], order: Sequence[str] = SEVERITIES) -> dict[str, Any]:
    """Put known names in their order, any others behind them as they come."""
    known = [name for name in order if name in counts]
    return {name: counts[name] for name in [*known, *(n for n in counts if n not in known)]}


def _count(number: int, *, marked: bool) -> Fragment:
    return Fragment(f"<b>{style.count(number)}</b>" if marked else style.count(number))


def _step(stage: str, note: str, figures: Figures) -> Step:
    ledger = figures["ledger"]
    return Step(stage, note, ledger["rows_read"], ledger["rows_written"], ledger["exits"])
