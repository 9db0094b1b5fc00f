"""The gate's verdict for people: a banner in words, colour and symbol, and each rule drawn."""

from collections.abc import Mapping
from typing import Any, Literal

from caretune.reports import intervals, style
from caretune.reports.style import Fragment

_BETTER: dict[str, Literal["lower", "higher"]] = {"most": "lower", "least": "higher"}


def banner(verdict: Mapping[str, Any]) -> Fragment:
    """Draw the verdict and its level; `rehearsal` is said to be no permission for people."""
    return style.draw("banner", verdict)


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
    drawing = intervals.strip(
        value, rule["low"], rule["high"], rule["threshold"], better=_BETTER[rule["at"]], unit=unit
    )
    return style.draw(
        "row",
        tone=result,
        signed=True,
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
