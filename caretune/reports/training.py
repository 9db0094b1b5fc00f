"""A training over its steps: what was logged is drawn, and what was not is said to be missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from caretune.reports import figures, style, tables
from caretune.reports.style import Fragment

History = Sequence[Mapping[str, float]]
"""reports/train/NAME/history.json: one row a logged step."""

_LOAD = "router/load/"
_OBJECTIVES = "objective/"
_SCORE = "validation_score"
_VALIDATED = {
    "validation_safety": "lower is better",
    "validation_safety_accuracy": "share told rightly, higher is better",
    "validation_coherence": "lower is better",
    "validation_coherence_accuracy": "share told rightly, higher is better",
}


def curve(title: str, subtitle: str, history: Mapping[str, History], name: str) -> Fragment:
    """Draw one figure of every adapter that logged it, or say that none did."""
    logged = {adapter: rows for adapter, rows in history.items() if _has(rows, name)}
    if not logged:
        return style.draw("paragraph", f"{title}: not logged in this run.")
    drawn = {adapter: figures.points(rows, name) for adapter, rows in logged.items()}
    return figures.curves(title, subtitle, drawn)


def objectives(history: Mapping[str, History]) -> Fragment:
    """Draw every objective beside the likelihood, and the validation score where there is one."""
    every = {name for rows in history.values() for row in rows for name in row}
    shown = {name: "lower is better" for name in sorted(every) if name.startswith(_OBJECTIVES)}
    shown |= {name: note for name, note in _VALIDATED.items() if name in every}
    if not shown:
        return style.draw(
            "paragraph",
            "Nothing was learnt beside the next token of a reply: the weights of the other "
            "objectives are 0 in params.train.objectives.",
        )
    if _SCORE in every:
        shown = {_SCORE: "chooses what is released, lower is better", **shown}
    drawn = [curve(style.title(name), note, history, name) for name, note in shown.items()]
    return figures.side_by_side(*drawn)


def experts(rows: History) -> Fragment:
    """Draw the share of the choices that each expert gets over the steps."""
    names = sorted({name for row in rows for name in row if name.startswith(_LOAD)})
    if not names:
        return style.draw("paragraph", "Load of the experts: not logged in this run.")
    return figures.curves(
        "Load of the experts",
        "share of the routers' choices",
        {name.removeprefix(_LOAD): figures.points(rows, name) for name in names},
    )


def classifier(header: Mapping[str, Any]) -> Fragment:
    """Tabulate how often the domain classifier is right on families that it did not see.

    Args:
        header: models/adapter/moe_lora/best/domains.json.
    """
    last, first = header["validation"]["last"], header["validation"]["first"]
    return tables.table(
        ["domain", "at the last request", "at the first message"],
        [[style.words(name), tables.share(last[name]), tables.share(first[name])] for name in last],
        figures_from=3,
    )


def _has(rows: History, name: str) -> bool:
    return any(name in row for row in rows)
