"""A training over its steps: what was logged is drawn, and what was not is said to be missing."""

from collections.abc import Mapping, Sequence
from typing import Any

from caretune.reports import figures, style, tables
from caretune.reports.style import Fragment

History = Sequence[Mapping[str, float]]
"""reports/train/NAME/history.json: one row a logged step."""

_MEAN_OVER = 20
"""Logged values of which a point of the training loss is the mean."""
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


def standing(trained: Mapping[str, Mapping[str, Any]]) -> Fragment:
    """Say in words which of two adapters is ahead on the validation rows, and by how much.

    Args:
        trained: Adapter -> models/adapter/NAME/training.json, two of them.
    """
    (first, one), (second, other) = trained.items()
    gap = one["best_validation_nll"] - other["best_validation_nll"]
    if style.quantity(abs(gap)) in {"0", "0.000"}:
        place = f"level with the {style.words(second)}"
    else:
        behind = "behind" if gap > 0 else "ahead of"
        place = (
            f"{behind} the {style.words(second)} by {style.quantity(abs(gap))} nats a reply token"
        )
    gains = [
        f"the {style.words(name)} lowers the base's NLL by "
        f"{style.quantity(found['base_validation_nll'] - found['best_validation_nll'])}"
        for name, found in trained.items()
    ]
    return style.draw(
        "paragraph",
        f"On the validation rows the {style.words(first)} is {place}: {', '.join(gains)}. These rows "
        "chose the released step, and no interval is computed on them.",
    )


def loss(history: Mapping[str, History]) -> Fragment:
    """Draw the training loss as a running mean over its paler single values."""
    title, unit = "Training loss", "nats per reply token, lower is better"
    single = {adapter: figures.points(rows, "loss") for adapter, rows in history.items()}
    logged = next(iter(single.values()))
    if any(len(points) <= _MEAN_OVER for points in single.values()):
        return figures.curves(title, unit, single)
    steps = logged[_MEAN_OVER][0] - logged[0][0]
    told = (
        f"{unit}; the line is the mean of the last {_MEAN_OVER} logged values "
        f"({steps} steps), pale each of them"
    )
    return figures.curves(title, told, {name: _means(it) for name, it in single.items()}, single)


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
        "share of the routers' work, all experts together 1",
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


def _means(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the mean of each `_MEAN_OVER` values in a row at the step of the last of them."""
    spans = (points[last - _MEAN_OVER : last] for last in range(_MEAN_OVER, len(points) + 1))
    return [(span[-1][0], sum(y for _, y in span) / _MEAN_OVER) for span in spans]


def _has(rows: History, name: str) -> bool:
    return any(name in row for row in rows)
