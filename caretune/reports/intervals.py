"""One measured value drawn against a threshold or a band, as a small SVG."""

from collections.abc import Callable
from typing import Literal

from caretune.reports import style
from caretune.reports.style import Fragment

_FIRST_X, _LAST_X = 32, 288  # of a strip 320 wide: half a label fits at either end
_ROOM = 0.12  # free at either end, as a share of what is drawn


def strip(
    value: float | None,
    low: float | None,
    high: float | None,
    threshold: float,
    *,
    better: Literal["lower", "higher"],
    unit: str = "",
    ends: tuple[float, float] | None = None,
) -> Fragment:
    """Draw a value (dot), its interval (bar) and a threshold (dashed line); no value, no strip.

    Args:
        value: What was measured.
        low: Lower end of the interval; None where there is none, then no bar is drawn.
        high: Upper end of the interval.
        threshold: In the unit of the value.
        better: Which side of the threshold passes; that side is tinted.
        unit: `rate` writes per cent.
        ends: What the strip begins and ends with, so that strips can be compared; as near as the
            values allow where it is not given.
    """
    if value is None:
        return Fragment("")
    known = [end for end in (value, low, high, threshold) if end is not None]
    room = _ROOM * (max(known) - min(known)) or max(abs(threshold), 1.0) / 2
    place = _places(*(ends or (min(known) - room, max(known) + room)))
    return style.draw("strip", value, low, high, threshold, better, unit, place)


def band(value: float, low: float, high: float, *, unit: str, last: float) -> Fragment:
    """Draw a value (dot) against a band that is wanted, on a scale from 0.

    Args:
        value: What was measured.
        low: Where the band begins, above 0.
        high: Where it ends.
        unit: `rate` writes per cent.
        last: What the scale ends with, above the band.
    """
    return style.draw("band", value, low, high, unit, _places(0.0, max(last, value)))


def _places(first: float, last: float) -> Callable[[float], float]:
    """Return what gives the x of a number on a scale from `first` to `last`."""

    def place(number: float) -> float:
        return round(_FIRST_X + (number - first) / (last - first) * (_LAST_X - _FIRST_X), 1)

    return place
