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


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], figures_from: int = 1) -> Fragment:
    """Draw a table; columns from `figures_from` (counted from 0) hold figures and align right."""
    kinds = ["" if i < figures_from else ' class="figure"' for i in range(len(columns))]
    head = _cells("th", columns, kinds)
    body = "\n".join(f"<tr>{_cells('td', row, kinds)}</tr>" for row in rows)
    return Fragment(
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def of(first: str, rows: Mapping[str, Mapping[str, Any]], columns: Sequence[Column]) -> Fragment:
    """Draw one row for each name, in order; columns drawn as meters come before plain figures."""
    meters = sum(column.show in {meter, warning} for column in columns)
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
    drawn = "\n".join(
        f'<div class="tile"><b>{style.markup(figure)}</b><span>{style.markup(caption)}</span></div>'
        for caption, figure in figures.items()
    )
    return Fragment(f'<div class="tiles">\n{drawn}\n</div>')


def meter(rate: float | None, colour: str = "accent") -> Fragment:
    """Draw a rate 0..1 as a small bar with its figure; nothing measured draws no bar."""
    if rate is None:
        return Fragment(style.NOT_MEASURED)
    bar = f'<i style="width:{100 * rate:.1f}%;background:var(--{colour})"></i>'
    return Fragment(f'<span class="meter"><span>{bar}</span>{style.rate(rate)}</span>')


def warning(rate: float | None) -> Fragment:
    """Draw a rate that should be small, in the colour of caution."""
    return meter(rate, "open")


def pairs(rows: Mapping[str, Any]) -> Fragment:
    """Draw names with one value each, such as digests or versions."""
    drawn = "\n".join(
        f"<tr><th>{style.markup(name)}</th><td><code>{style.markup(value)}</code></td></tr>"
        for name, value in rows.items()
    )
    return Fragment(f'<table class="pairs"><tbody>\n{drawn}\n</tbody></table>')


def bars(amounts: Mapping[str, float], unit: str = "", colour: str = "accent") -> Fragment:
    """Draw one bar for each amount, in order; the longest bar is the largest amount.

    Args:
        amounts: Label -> amount (at least 0).
        unit: `rate` shows per cent of 1 and makes 1.0 the full bar; else a plain number.
        colour: A name of the palette.
    """
    whole = 1.0 if unit == "rate" else max(amounts.values(), default=0) or 1.0
    rows = "\n".join(
        f'<span>{style.markup(style.words(label))}</span><span class="track">'
        f'<i style="width:{100 * amount / whole:.2f}%;background:var(--{colour})"></i></span>'
        f'<span class="amount">{style.quantity(amount, unit)}</span>'
        for label, amount in ordered(amounts).items()
    )
    return Fragment(f'<div class="bars">\n{rows}\n</div>')


def flow(steps: Sequence[Step]) -> Fragment:
    """Draw the way of the rows through the stages: kept, added and left, on one common scale."""
    whole = max(max(step.read, step.written) for step in steps) or 1
    return Fragment('<ol class="flow">\n' + "\n".join(_step(s, whole) for s in steps) + "\n</ol>")


def _step(step: Step, whole: int) -> str:
    left = sum(step.exits.values())
    parts = {
        "kept": min(step.read - left, step.written),
        "added": max(0, step.written - (step.read - left)),
        "left": left,
    }
    track = "".join(
        f'<i class="{name}" style="width:{100 * amount / whole:.2f}%"></i>'
        for name, amount in parts.items()
        if amount
    )
    exits = ", ".join(
        f'<span class="exit">{style.count(n)} left: {style.markup(style.words(name))}</span>'
        for name, n in sorted(step.exits.items())
    )
    added = f", {style.count(parts['added'])} new" if parts["added"] else ""
    return (
        f'<li><span class="stage">{style.markup(step.stage)}<small>{style.markup(step.note)}</small>'
        f'</span><div><div class="track">{track}</div><p class="words">{style.count(step.read)} read '
        f"→ {style.count(step.written)} written{added}. {exits or 'None left.'}</p></div></li>"
    )


def _cells(tag: str, values: Sequence[Any], kinds: Sequence[str]) -> str:
    return "".join(
        f"<{tag}{kind}>{style.markup(value)}</{tag}>"
        for value, kind in zip(values, kinds, strict=True)
    )
