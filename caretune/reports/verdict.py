"""The gate's verdict for people: a banner in words, colour and symbol, and each rule drawn."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from caretune.reports import intervals, style
from caretune.reports.style import Fragment

_MEANING = {
    "pass": "Every rule that this level requires holds, with its whole interval on the right side.",
    "fail": "At least one rule that this level requires is broken. This candidate is not served.",
    "inconclusive": "The evidence is too thin to say yes or no. Only a pass is served.",
}
_SIGN = {
    "pass": "M7.5 12.4l3 3 6-6.6",
    "fail": "M8.4 8.4l7.2 7.2M15.6 8.4l-7.2 7.2",
    "inconclusive": "M9.2 9.6a2.8 2.8 0 1 1 4 2.6c-.8.4-1.2.9-1.2 1.7M12 17.2v.1",
}
_BETTER: dict[str, Literal["lower", "higher"]] = {"most": "lower", "least": "higher"}


def banner(verdict: Mapping[str, Any]) -> Fragment:
    """Draw the verdict and its level; `rehearsal` is said to be no permission for people."""
    result, level = verdict["result"], verdict["level"]
    tally = Counter(rule["result"] for rule in verdict["rules"] if rule["binds"])
    binding = ", ".join(f"{tally[word]} {word}" for word in _SIGN if tally[word])
    reported = sum(not rule["binds"] for rule in verdict["rules"])
    caution = (
        " A rehearsal proves that the machinery works. It is not for people."
        if level == "rehearsal"
        else ""
    )
    return Fragment(
        f'<div class="banner {result}" role="status">{_sign(result)}<div>'
        f"<strong>{result.capitalize()} at level {style.markup(level)}</strong>"
        f"<p>{_MEANING[result]}{caution}</p><p>Binding rules: {binding or 'none'}. "
        f"Reported only, binding at a higher level: {reported}.</p></div></div>"
    )


def rules(verdict: Mapping[str, Any], *, binds: bool) -> Fragment:
    """Draw the rules that bind at the verdict's level, or those that are only reported there."""
    chosen = [rule for rule in verdict["rules"] if rule["binds"] == binds]
    if not chosen:
        return Fragment("<p>None.</p>")
    return style.join(map(_rule, chosen))


def _rule(rule: Mapping[str, Any]) -> Fragment:
    result, value, unit = rule["result"], rule["value"], rule["unit"]
    against = f", compared with {style.words(rule['baseline'])}" if rule["baseline"] else ""
    missing = (rule["needed_n"] or 0) - rule["n"]
    more = f", {style.count(missing)} more needed" if missing > 0 else ""
    drawing = ""
    if value is not None:
        better = _BETTER[rule["at"]]
        drawing = intervals.strip(
            value, rule["low"], rule["high"], rule["threshold"], better=better, unit=unit
        )
    return intervals.row(
        result,
        sign=_sign(result),
        name=style.title(rule["name"]),
        note=f"{style.words(rule['metric'])}{against}",
        drawing=drawing,
        word=result.capitalize(),
        facts=[
            style.interval(value, rule["low"], rule["high"], unit),
            f"asked: at {rule['at']} {style.quantity(rule['threshold'], unit)}",
            f"n = {style.count(rule['n'])}{more}",
            *([rule["detail"]] if rule["detail"] else []),
        ],
    )


def _sign(result: str) -> str:
    return (
        '<svg class="sign" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>'
        f'<path d="{_SIGN[result]}"/></svg>'
    )
