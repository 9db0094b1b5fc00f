"""The way of the rows through the data stages, and the proof that nothing leaked."""

from collections.abc import Mapping
from typing import Any

from caretune.reports import intervals, style, tables
from caretune.reports.style import Fragment
from caretune.reports.tables import Step

Figures = Mapping[str, Any]
"""The content of a file below reports/data, as its stage wrote it."""


def way_of_rows(
    ingest: Figures, split: Figures, augment: Figures, safety_label: Figures
) -> Fragment:
    """Draw rows through the four stages; what leaves is named by its exit."""
    train, children = augment["train"], augment["children"]
    experts = split["expert"]["found"]["examples"]
    return tables.flow(
        [
            _step("ingest", "lines of all sources", ingest),
            _step("split", f"by families; {experts} go to the expert set", split),
            Step("augment", "train rows and their children", train, train + children, {}),
            _step("safety-label", "all splits and the children", safety_label),
        ]
    )


def leak(proof: Figures) -> Fragment:
    """Draw the closest pair of rows across splits against the threshold of near-duplicates."""
    shared, worst = proof["families_shared"], proof["worst"]["similarity"]
    holds = not shared and worst < proof["threshold"]
    return style.draw(
        "row",
        tone="pass" if holds else "fail",
        name="Closest pair across splits",
        note=proof["method"],
        drawing=intervals.strip(worst, None, None, proof["threshold"], better="lower"),
        word="No leak found" if holds else "Leak",
        facts=[
            f"closest pair: {style.quantity(worst)}",
            f"families in more than one split: {style.count(shared)}",
            f"a pair at the threshold is found with probability {style.rate(proof['found_rate'])}",
        ],
    )


def _step(stage: str, note: str, figures: Figures) -> Step:
    ledger = figures["ledger"]
    return Step(stage, note, ledger["rows_read"], ledger["rows_written"], ledger["exits"])
