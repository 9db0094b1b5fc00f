"""The pictures of a sweep: where the good values lie, what they cost, how the best came about."""

# ruff: noqa: SLF001 - the frame and caption of every figure of a report are those of figures

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from caretune.reports import figures, style, tables
from caretune.reports.style import Fragment

_SALT = "caretune/sweep"
_WIDTH_IN, _HEIGHT_IN = 5.0, 2.9
_MAGNITUDE = 10.0
"""A value whose largest is so many times its smallest is drawn by its logarithm."""

Trial = Mapping[str, Any]


def parallel(trials: Sequence[Trial], best: int | None, direction: str) -> Fragment:
    """Draw one line for each complete trial through its values and its score; the best stands out.

    Args:
        trials: All of the sweep.
        best: Number of the best.
        direction: `minimize` or `maximize`; says which end of the score is the good one.
    """
    done = _complete(trials)
    if not done:
        return style.draw("paragraph", "No trial is complete.")
    names = sorted({name for one in done for name in one["params"]})
    columns = [_places([one["params"].get(name) for one in done]) for name in names]
    columns.append(_places([one["score"] for one in done]))
    with mpl.rc_context({"svg.hashsalt": f"{_SALT}/parallel", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        for one, line in zip(done, zip(*columns, strict=True), strict=True):
            first = one["number"] == best
            kind = "moe_lora" if first else "lora" if one["is_default"] else "base"
            strong = first or one["is_default"]
            axes.plot(
                range(len(columns)),
                line,
                color=style.PALETTE[kind],
                lw=2.4 if strong else 1.0,
                alpha=1.0 if strong else 0.7,
                zorder=3 if strong else 2,
            )
        for place, values in enumerate(
            [*([one["params"].get(name) for one in done] for name in names), _scores(done)]
        ):
            _ends(axes, place, values)
        figures._dress(axes)
        axes.set_yticks([])
        axes.set_ylim(-0.12, 1.12)
        axes.set_xlim(-0.3, len(columns) - 0.7)
        axes.set_xticks(
            range(len(columns)), [*(_short(name).replace(" ", "\n") for name in names), "score"]
        )
        return figures._captioned(
            "Every trial, value by value",
            f"one line a trial, strong the best and the default; {_good(direction)} is better",
            figure,
        )


def overview(trials: Sequence[Trial], front: Sequence[int], direction: str) -> Fragment:
    """Draw the best so far beside quality against cost; a sentence where no trial is complete."""
    if not _complete(trials):
        return style.draw("paragraph", "No trial is complete.")
    return figures.side_by_side(progress(trials, direction), pareto(trials, front, direction))


def pareto(trials: Sequence[Trial], front: Sequence[int], direction: str) -> Fragment:
    """Draw score over training time; the line joins the trials that none beats in both."""
    done = [one for one in _complete(trials) if one["training_seconds"] is not None]
    best = [one for number in front for one in done if one["number"] == number]
    with mpl.rc_context({"svg.hashsalt": f"{_SALT}/pareto", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        seconds = [one["training_seconds"] for one in done]
        axes.plot(seconds, _scores(done), "o", color=style.PALETTE["base"], ms=5)
        line = [one["training_seconds"] for one in best], _scores(best)
        axes.step(*line, where="post", color=style.PALETTE["moe_lora"], lw=1.6)
        axes.plot(*line, "o", color=style.PALETTE["moe_lora"], ms=7)
        for one in best:
            axes.annotate(
                str(one["number"]),
                (one["training_seconds"], one["score"]),
                textcoords="offset points",
                xytext=(5, 6),
                color=style.PALETTE["moe_lora"],
            )
        axes.set_xlabel("seconds of training")
        axes.margins(0.12)
        figures._dress(axes)
        return figures._captioned(
            "Quality against cost",
            f"score, {_good(direction)} is better; the line: no trial is better and quicker",
            figure,
        )


def progress(trials: Sequence[Trial], direction: str) -> Fragment:
    """Draw the score of every trial and the best so far, over the trials."""
    done = _complete(trials)
    choose = min if direction == "minimize" else max
    scores = _scores(done)
    numbers = [one["number"] for one in done]
    with mpl.rc_context({"svg.hashsalt": f"{_SALT}/progress", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(numbers, scores, "o", color=style.PALETTE["base"], ms=5)
        so_far = [choose(scores[: place + 1]) for place in range(len(scores))]
        axes.step(numbers, so_far, where="post", color=style.PALETTE["moe_lora"], lw=1.8)
        for one in done:
            if one["is_default"]:
                axes.axhline(one["score"], color=style.PALETTE["lora"], lw=1, ls=(0, (3, 3)))
        axes.set_xlabel("trial")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.margins(0.08)
        figures._dress(axes)
        return figures._captioned(
            "Best so far",
            f"score, {_good(direction)} is better; dashed: the default's",
            figure,
        )


def importance(shares: Mapping[str, float] | None, is_firm: bool) -> Fragment:
    """Draw which share of the scores' variance each value explains, and how far to trust it."""
    if shares is None:
        return style.draw(
            "paragraph", "Too few trials are complete, or all scores are equal: nothing to tell."
        )
    drawn = tables.bars({_short(name): share for name, share in shares.items()}, "rate", "moe_lora")
    if is_firm:
        return drawn
    doubt = "So few trials give a hint at most: another seed may put these in another order."
    return style.join([drawn, style.draw("paragraph", doubt)])


def listed(trials: Sequence[Trial], best: int | None) -> Fragment:
    """Draw a table of the trials that are complete, by number."""
    names = sorted({name for one in trials for name in one["params"]})
    rows = [
        [
            f"{one['number']}{_mark(one, best)}",
            style.quantity(one["score"]),
            style.quantity(one["training_seconds"]),
            *(_value(one["params"].get(name)) for name in names),
        ]
        for one in _complete(trials)
    ]
    return tables.table(["trial", "score", "training, s", *map(_short, names)], rows)


def failed(trials: Sequence[Trial]) -> Fragment:
    """Draw a table of the trials without a score, with their reasons."""
    rows = [
        [
            f"{one['number']}{_mark(one, None)}",
            one["reason"] or "still running",
            " ".join(f"{_short(name)}={_value(value)}" for name, value in one["params"].items()),
        ]
        for one in trials
        if one["score"] is None
    ]
    if not rows:
        return style.draw("paragraph", "No trial failed.")
    return tables.table(["trial", "why", "values"], rows, figures_from=3)


def _complete(trials: Sequence[Trial]) -> list[Trial]:
    return [one for one in trials if one["score"] is not None]


def _scores(trials: Sequence[Trial]) -> list[float]:
    return [one["score"] for one in trials]


def _places(values: Sequence[Any]) -> list[float]:
    """Return where values stand between the least (0) and the greatest (1) of them."""
    numbers = [_number(value, values) for value in values]
    low, high = min(numbers), max(numbers)
    return [0.5 if low == high else (number - low) / (high - low) for number in numbers]


def _number(value: Any, values: Sequence[Any]) -> float:
    """Return a value as a number among others: words by their order, wide ranges by magnitude."""
    if any(isinstance(one, bool | str) or one is None for one in values):
        return float(sorted(map(str, set(values))).index(str(value)))
    if min(values) > 0 and max(values) / min(values) >= _MAGNITUDE:
        return math.log(value)
    return float(value)


def _ends(axes: Axes, place: int, values: Sequence[Any]) -> None:
    """Draw the axis of one value, with what stands at its ends."""
    axes.axvline(place, color=style.PALETTE["line"], lw=1, zorder=1)
    numbered = sorted((_number(value, values), str(_value(value))) for value in values)
    for height, (number, told) in ((-0.09, numbered[0]), (1.09, numbered[-1])):
        if number != numbered[0][0] or height < 0:
            axes.text(
                place, height, told, ha="center", va="center", color=style.PALETTE["muted"], size=8
            )


def _mark(trial: Trial, best: int | None) -> str:
    marks = [
        "best" if trial["number"] == best else "",
        "default" if trial["is_default"] else "",
        "" if trial["retry_of"] is None else f"retry of {trial['retry_of']}",
    ]
    told = ", ".join(mark for mark in marks if mark)
    return f" ({told})" if told else ""


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _short(name: str) -> str:
    return style.words(name.rsplit(".", 1)[-1])


def _good(direction: str) -> str:
    return "lower" if direction == "minimize" else "higher"
