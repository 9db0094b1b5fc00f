"""The measured results of an evaluation: each model's values, and the paired differences drawn."""

from caretune.evaluation.result import Metrics, Result
from caretune.reports import intervals, style, tables
from caretune.reports.style import Fragment

_BETTER = {"lower": "lower is better", "higher": "higher is better"}


def models(metrics: Metrics) -> Fragment:
    """Draw every metric of every model with its interval, items scored and items unscored."""
    names = list(metrics.models)
    every = {
        name: result for results in metrics.models.values() for name, result in results.items()
    }
    rows = [
        [_named(result), *(_cell(metrics.models[model].get(name)) for model in names)]
        for name, result in every.items()
    ]
    return tables.table(["metric", *map(style.words, names)], rows)


def paired(metrics: Metrics) -> Fragment:
    """Draw each difference candidate - baseline against zero; the tinted side is the better one."""
    return style.join(
        Fragment(f"<h3>{_title(pair)}</h3>" + "\n".join(_difference(r) for r in results.values()))
        for pair, results in metrics.paired.items()
    )


def circumstances(metrics: Metrics) -> Fragment:
    """List how the replies were made and on what machine; equal fingerprints give equal bytes."""
    rows = {
        "filter bundle": metrics.filters,
        "chat template": metrics.decoding.template,
        **{style.words(name): value for name, value in metrics.decoding.parameters.items()},
        **metrics.decoding.engine,
        "CPU capability": metrics.fingerprint.cpu_capability,
        "threads": metrics.fingerprint.threads,
        "number format": metrics.fingerprint.dtype,
        "processor family": metrics.fingerprint.machine,
    }
    return tables.pairs(rows)


def _named(result: Result) -> Fragment:
    unit = f"{result.unit}, " if result.unit not in {"", "rate"} else ""
    note = style.markup(f"{unit}{_BETTER[result.direction]}")
    return Fragment(f"{style.markup(style.title(result.name))}<small>{note}</small>")


def _interval(result: Result) -> Fragment:
    return style.interval(result.value, result.low, result.high, result.unit)


def _cell(result: Result | None) -> Fragment:
    if result is None:
        return Fragment(style.NOT_MEASURED)
    unscored = f", {style.count(result.unscored)} unscored" if result.unscored else ""
    return Fragment(f"{_interval(result).html}<small>n = {style.count(result.n)}{unscored}</small>")


def _difference(result: Result) -> str:
    tone, word = _standing(result)
    name = _named(result).html
    if result.value is None:
        return f'<div class="rule"><span></span><span class="name">{name}</span>{word}</div>'
    drawing = intervals.strip(
        result.value, result.low, result.high, 0.0, better=result.direction, unit=result.unit
    )
    lines = [
        f'<b class="word">{word}</b>',
        _interval(result).html,
        f"n = {style.count(result.n)} in {style.count(result.families)} families",
    ]
    return (
        f'<div class="rule {tone}"><span></span><span class="name">{name}</span>{drawing}'
        f"{intervals.facts(lines)}</div>"
    )


def _standing(result: Result) -> tuple[str, str]:
    """Say in a tone and in words on which side of zero the whole interval lies."""
    if result.value is None:
        return "inconclusive", style.NOT_MEASURED
    if result.low is None or result.high is None:
        return "inconclusive", "Too few families for an interval"
    if result.low <= 0 <= result.high:
        return "inconclusive", "No difference shown"
    better = (result.high < 0) == (result.direction == "lower")
    return ("pass", "Better") if better else ("fail", "Worse")


def _title(pair: str) -> str:
    return " minus ".join(style.markup(style.words(name)) for name in pair.split(" - "))
