"""One measured value drawn with its interval against a threshold, as a small SVG."""

from collections.abc import Sequence
from typing import Any, Literal

from caretune.reports import style
from caretune.reports.style import Fragment

# A strip of 320 x 46 units with room for half a label at either end.
_WIDTH, _MARGIN = 320, 32
_ROOM = 0.12  # free at either end, as a share of what is drawn


def strip(
    value: float,
    low: float | None,
    high: float | None,
    threshold: float,
    *,
    better: Literal["lower", "higher"],
    unit: str = "",
) -> str:
    """Draw a value (dot), its interval (bar) and a threshold (dashed line).

    Args:
        value: What was measured.
        low: Lower end of the interval; None where there is none, then no bar is drawn.
        high: Upper end of the interval.
        threshold: In the unit of the value.
        better: Which side of the threshold passes; that side is tinted.
        unit: `rate` writes per cent.
    """
    known = [end for end in (value, low, high, threshold) if end is not None]
    room = _ROOM * (max(known) - min(known)) or max(abs(threshold), 1.0) / 2
    first, last = min(known) - room, max(known) + room

    def place(number: float) -> float:
        return round(_MARGIN + (number - first) / (last - first) * (_WIDTH - 2 * _MARGIN), 1)

    limit = place(threshold)
    left, right = (_MARGIN, limit) if better == "lower" else (limit, _WIDTH - _MARGIN)
    said = f"measured {style.quantity(value, unit)}, threshold {style.quantity(threshold, unit)}"
    bar = ""
    if low is not None and high is not None:
        bar = f'<line class="bar" x1="{place(low)}" x2="{place(high)}" y1="16" y2="16"/>'
        said += f", interval {style.quantity(low, unit)} to {style.quantity(high, unit)}"
    return (
        f'<svg class="strip" viewBox="0 0 {_WIDTH} 46" role="img" aria-label="{said}">'
        f'<rect class="good" x="{left}" y="4" width="{right - left:.1f}" height="24"/>'
        f'<line class="axis" x1="{_MARGIN}" x2="{_WIDTH - _MARGIN}" y1="28" y2="28"/>'
        f'<line class="limit" x1="{limit}" x2="{limit}" y1="2" y2="31"/>{bar}'
        f'<circle class="dot" cx="{place(value)}" cy="16" r="4.5"/>'
        f'<text x="{limit}" y="43" text-anchor="middle">{style.quantity(threshold, unit)}</text>'
        "</svg>"
    )


def row(
    tone: str,
    *,
    name: str,
    note: str,
    drawing: str,
    word: str,
    facts: Sequence[Any],
    sign: str = "",
) -> Fragment:
    """Draw one line: a sign, what was measured, its strip, and the outcome with its facts in words.

    Args:
        tone: pass, fail or inconclusive; gives the colour.
        name: What was measured; `note` stands below it.
        note: More about it.
        drawing: A strip, or nothing.
        word: The outcome.
        facts: What stands below the outcome, one a line.
        sign: An SVG that says the outcome to who sees no colours.
    """
    lines = "".join(f"<li>{style.markup(fact)}</li>" for fact in facts)
    return Fragment(
        f'<div class="rule {tone}"><span>{sign}</span><span class="name">{style.markup(name)}'
        f"<small>{style.markup(note)}</small></span><span>{drawing}</span>"
        f'<ul class="facts"><li><b class="word">{style.markup(word)}</b></li>{lines}</ul></div>'
    )
