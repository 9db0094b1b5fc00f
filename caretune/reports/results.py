"""The measured results of an evaluation: each model's values, and the paired differences drawn."""

from caretune.evaluation.result import Metrics, Result
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


def paired(metrics: Metrics) -> Fragment:
    """Draw each difference candidate - baseline against zero; the tinted side is the better one."""
    return style.join(
        piece
        for pair, results in metrics.paired.items()
        for piece in (Fragment(f"<h3>{_title(pair)}</h3>"), *map(difference, results.values()))
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


def _title(pair: str) -> str:
    return " minus ".join(style.markup(style.words(name)) for name in pair.split(" - "))
