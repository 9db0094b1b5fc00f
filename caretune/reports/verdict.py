"""The gate's verdict for people: a banner in words, colour and symbol, and each rule drawn."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from caretune.reports import intervals, style, tables
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
    return Fragment("\n".join(_rule(rule) for rule in chosen))


def subjects(verdict: Mapping[str, Any]) -> Fragment:
    """List the sha256 of everything the verdict is bound to."""
    return tables.pairs(verdict["subjects"])


def _rule(rule: Mapping[str, Any]) -> str:
    result, value = rule["result"], rule["value"]
    against = f", compared with {style.words(rule['baseline'])}" if rule["baseline"] else ""
    about = f"{style.words(rule['metric'])}{against}"
    drawing = "<span></span>"
    if value is not None:
        drawing = intervals.strip(
            value,
            rule["low"],
            rule["high"],
            rule["threshold"],
            better=_BETTER[rule["at"]],
            unit=rule["unit"],
        )
    return (
        f'<div class="rule {result}">{_sign(result)}<span class="name">'
        f"{style.markup(style.title(rule['name']))}"
        f"<small>{style.markup(about)}</small></span>{drawing}"
        f"{_facts(rule)}</div>"
    )


def _facts(rule: Mapping[str, Any]) -> str:
    """Say in words what was measured, what was asked and how much evidence is missing."""
    unit = rule["unit"]
    missing = (rule["needed_n"] or 0) - rule["n"]
    lines = [
        f'<b class="word">{rule["result"].capitalize()}</b>',
        style.interval(rule["value"], rule["low"], rule["high"], unit).html,
        f"asked: at {rule['at']} {style.quantity(rule['threshold'], unit)}",
        f"n = {style.count(rule['n'])}"
        + (f", {style.count(missing)} more needed" if missing > 0 else ""),
    ]
    if rule["detail"]:
        lines.append(style.markup(rule["detail"]))
    return intervals.facts(lines)


def _sign(result: str) -> str:
    return (
        '<svg class="sign" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="11"/>'
        f'<path d="{_SIGN[result]}"/></svg>'
    )
