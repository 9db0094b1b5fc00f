"""The measured results of an evaluation: each model's values, and the paired differences drawn."""

from collections.abc import Mapping

from caretune.evaluation.result import Metrics, Result, pair
from caretune.reports import intervals, style, tables
from caretune.reports.style import Fragment


def models(metrics: Metrics) -> Fragment:
    """Draw every metric of every model with its interval, items scored and items unscored."""
    names = list(metrics.models)
    every = {
        name: result for results in metrics.models.values() for name, result in results.items()
    }
    rows = [
        [
            Fragment(f"{style.title(name)}<small>{style.markup(_note(result))}</small>"),
            *(_cell(metrics.models[model].get(name)) for model in names),
        ]
        for name, result in every.items()
    ]
    return tables.table(["metric", *map(style.words, names)], rows)


def paired(metrics: Metrics, subjects: Mapping[str, str]) -> Fragment:
    """Draw each difference against zero, first those of the adapter that the gate judged.

    Two adapters are compared once, the judged one minus the other. The tinted side is the better one.

    Args:
        metrics: As measured; of two adapters it holds both directions.
        subjects: Those of the verdict; `adapter` is the digest of the judged one.
    """
    return style.join(
        piece
        for name in _directions(metrics, subjects)
        for piece in (
            Fragment(f"<h3>{_title(name)}</h3>"),
            *map(difference, metrics.paired[name].values()),
        )
    )


def difference(result: Result) -> Fragment:
    """Draw one difference against zero, its standing in words."""
    tone, word = _standing(result)
    drawing = intervals.strip(
        result.value, result.low, result.high, 0.0, better=result.direction, unit=result.unit
    )
    return style.draw(
        "row",
        tone=tone,
        name=style.title(result.name),
        note=_note(result),
        drawing=drawing,
        word=word,
        facts=[
            _interval(result),
            f"n = {style.count(result.n)} in {style.count(result.families)} families",
        ],
    )


def _note(result: Result) -> str:
    unit = f"{result.unit}, " if result.unit not in {"", "rate"} else ""
    return f"{unit}{result.direction} is better"


def _interval(result: Result) -> Fragment:
    return style.interval(result.value, result.low, result.high, result.unit)


def _cell(result: Result | None) -> Fragment:
    if result is None:
        return Fragment(style.NOT_MEASURED)
    return style.draw("measured", value=_interval(result), n=result.n, unscored=result.unscored)


def _standing(result: Result) -> tuple[str, str]:
    """Say in a tone and in words on which side of zero the whole interval lies."""
    if result.value is None:
        return "inconclusive", "No difference shown"
    if result.low is None or result.high is None:
        return "inconclusive", "Too few families for an interval"
    if result.low <= 0 <= result.high:
        return "inconclusive", "No difference shown"
    better = (result.high < 0) == (result.direction == "lower")
    return ("pass", "Better") if better else ("fail", "Worse")


def _directions(metrics: Metrics, subjects: Mapping[str, str]) -> list[str]:
    """Return the pairs to draw, none of them twice the other way round."""
    judged = {name for name, sha in metrics.subjects.items() if sha == subjects.get("adapter")}
    kept: list[str] = []
    for name in sorted(
        metrics.paired, key=lambda it: f"adapter/{it.split(' - ')[0]}" not in judged
    ):
        candidate, baseline = name.split(" - ")
        if pair(baseline, candidate) not in kept:
            kept.append(name)
    return kept


def _title(name: str) -> str:
    return " minus ".join(style.markup(style.words(part)) for part in name.split(" - "))
