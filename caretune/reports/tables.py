"""Tables, key figures, bars and the flow of rows, as plain HTML that fits a phone too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from caretune.reports import style
from caretune.reports.style import Fragment

# Scales in the order of their steps; names sort by letter in JSON, and readers do not.
_SPLITS = ("train", "validation", "test")
_DIFFICULTIES = ("routine", "moderate", "hard", "crisis")
_SEVERITIES = ("none", "low", "moderate", "high", "imminent")


class Column(NamedTuple):
    """A column of a table of figures: its caption, the field it shows, and how."""

    caption: str
    field: str
    show: Callable[[Any], Any] = style.quantity


class Step(NamedTuple):
    """What one stage did to the rows: `read` in, `exits` left by name, `written` out."""

    stage: str
    note: str
    read: int
    written: int
    exits: Mapping[str, int]

    @property
    def left(self) -> int:
        """Rows that left by any exit."""
        return sum(self.exits.values())

    @property
    def kept(self) -> int:
        """Rows that were read and are written."""
        return min(self.read - self.left, self.written)

    @property
    def added(self) -> int:
        """Rows written that were not read."""
        return self.written - self.kept


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], figures_from: int = 1) -> Fragment:
    """Draw a table; columns from `figures_from` (counted from 0) hold figures and align right."""
    is_figure = [place >= figures_from for place in range(len(columns))]
    lines = [list(zip(row, is_figure, strict=True)) for row in (columns, *rows)]
    return style.draw("table", head=lines[0], rows=lines[1:])


def of(first: str, rows: Mapping[str, Mapping[str, Any]], columns: Sequence[Column]) -> Fragment:
    """Draw one row for each name, in order; columns drawn as meters come before plain figures."""
    meters = sum(column.show in {meter, warning, share, caution} for column in columns)
    return table(
        [first, *(column.caption for column in columns)],
        [
            [style.words(name), *(c.show(rows[name][c.field]) for c in columns)]
            for name in ordered(rows)
        ],
        figures_from=1 + meters,
    )


def matrix(first: str, counts: Mapping[str, Mapping[str, int]]) -> Fragment:
    """Draw counts of one name (down) by another (across); equal names are bold, 0 where none is."""
    across = ordered(dict.fromkeys(name for row in counts.values() for name in row))
    rows = [
        [style.words(down)]
        + [
            Fragment(f"<b>{style.count(n)}</b>" if name == down else style.count(n))
            for name, n in ((name, counts[down].get(name, 0)) for name in across)
        ]
        for down in ordered(counts)
    ]
    return table([first, *map(style.words, across)], rows)


def ordered(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Put splits, difficulties or severities in their order, other names behind as they come."""
    scale = next((s for s in (_SEVERITIES, _DIFFICULTIES, _SPLITS) if s[0] in counts), _SEVERITIES)
    known = [name for name in scale if name in counts]
    return {name: counts[name] for name in [*known, *(n for n in counts if n not in known)]}


def tiles(figures: Mapping[str, Any]) -> Fragment:
    """Draw key figures: caption -> figure, large, in a row."""
    return style.draw("tiles", figures=figures)


def meter(rate: float | None, colour: str = "accent") -> Fragment:
    """Draw a rate 0..1 as a small bar with its figure; nothing measured draws no bar."""
    if rate is None:
        return Fragment(style.NOT_MEASURED)
    return style.draw("meter", rate=rate, colour=colour)


def warning(rate: float | None) -> Fragment:
    """Draw a rate that should be small, in the colour of caution."""
    return meter(rate, "open")


def share(rate: Mapping[str, Any], colour: str = "accent") -> Fragment:
    """Draw a rate with its interval as a line on the bar, and its count in words."""
    if rate["value"] is None:
        return Fragment(style.NOT_MEASURED)
    return style.draw("share", rate, colour)


def caution(rate: Mapping[str, Any]) -> Fragment:
    """Draw a rate with its interval that should be small, in the colour of caution."""
    return share(rate, "open")


def heat(first: str, counts: Mapping[str, Mapping[str, int]]) -> Fragment:
    """Draw steps of one scale (down) by what was made of them (across), tinted by share of the row.

    Right of the diagonal lies what was judged too grave, left of it what was judged too mild.
    """
    steps = list(ordered(dict.fromkeys([*counts, *(n for row in counts.values() for n in row)])))
    rows = []
    for down, name in enumerate(steps):
        row = counts.get(name, {})
        whole = sum(row.values())
        if whole:
            cells = [_heat(row.get(to, 0), whole, place - down) for place, to in enumerate(steps)]
            rows.append([style.words(name), *cells])
    return table([first, *map(style.words, steps)], rows)


def pairs(rows: Mapping[str, Any]) -> Fragment:
    """Draw names with one value each, such as digests or versions."""
    return style.draw("pairs", rows=rows)


def bars(amounts: Mapping[str, float], unit: str = "", colour: str = "accent") -> Fragment:
    """Draw one bar for each amount, in order; the longest bar is the largest amount.

    Args:
        amounts: Label -> amount (at least 0).
        unit: `rate` shows per cent of 1 and makes 1.0 the full bar; else a plain number.
        colour: A name of the palette.
    """
    whole = 1.0 if unit == "rate" else max(amounts.values(), default=0) or 1.0
    return style.draw("bars", amounts=ordered(amounts), whole=whole, unit=unit, colour=colour)


def flow(steps: Sequence[Step], verbs: tuple[str, str] = ("read", "written")) -> Fragment:
    """Draw the way of the rows through the stages: kept, added and left, on one common scale.

    Args:
        steps: In order, at least one.
        verbs: What the two numbers of a step are called.
    """
    whole = max(max(step.read, step.written) for step in steps) or 1
    return style.draw("flow", steps=steps, whole=whole, verbs=verbs)


def _heat(number: int, whole: int, off: int) -> Fragment:
    tone = "pass" if not off else "open" if off > 0 else "fail"
    return style.draw("heat", number, number / whole, tone)
