"""Curves drawn by matplotlib as inlined SVG: equal data give equal bytes."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from caretune.errors import CaretuneError
from caretune.reports import style
from caretune.reports.style import Fragment

_WIDTH_IN, _HEIGHT_IN = 5.0, 2.9
_SQUARE_IN = 3.2
_TALL_IN = 3.4
_TICKS = 6  # names of versions that fit below one another's neighbour
_CURVES = ("accent", "lora", "moe_lora", "base", "ink")  # colours in turn
_DOT_PT = 9.0  # diameter of the largest dot
_LABEL_GAP = 0.075  # of the axis height: closer labels at line ends would overlap
_SURPLUS = (
    re.compile(r"<metadata>.*?</metadata>|<!--.*?-->\n?", re.DOTALL),
    re.compile(r' xmlns(:\w+)?="[^"]*"'),
    re.compile(r'(?<=<g) id="[^"]*"'),
    re.compile(r' (width|height)="[^"]*pt"'),
)


def curves(
    title: str,
    subtitle: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    beneath: Mapping[str, Sequence[tuple[float, float]]] | None = None,
) -> Fragment:
    """Draw named curves over the optimiser steps, each named at its end instead of in a legend.

    Args:
        title: What is shown, in words.
        subtitle: The unit and which direction is better.
        series: Name -> points (x, y), ordered by x. A name of the palette takes its colour.
        beneath: The single values behind curves of means, by the same names, drawn paler; all but
            the first curve are dashed then, since means lie on one another.
    """
    with mpl.rc_context({"svg.hashsalt": f"caretune/{title}", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, _HEIGHT_IN), layout="constrained")
        axes = figure.add_subplot()
        ends: list[tuple[float, str, str]] = []
        for place, (name, points) in enumerate(series.items()):
            colour = style.PALETTE.get(name, style.PALETTE[_CURVES[place % len(_CURVES)]])
            marker = "o" if len(points) <= 12 else None  # noqa: PLR2004 - single points stay visible
            dashes = (0, (3, 1.5)) if beneath and place else "-"
            axes.plot(
                *zip(*points, strict=True), color=colour, lw=1.8, ls=dashes, marker=marker, ms=4
            )
            if beneath:
                axes.plot(
                    *zip(*beneath[name], strict=True), color=colour, lw=0.8, alpha=0.3, zorder=1
                )
            ends.append((points[-1][1], style.words(name), colour))
        _label_ends(axes, ends)
        axes.set_xlabel("optimiser step")
        _dress(axes)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return _captioned(title, subtitle, figure)


def reliability(title: str, subtitle: str, bins: Sequence[Mapping[str, Any]]) -> Fragment:
    """Draw the share that is positive over the score; on the diagonal a score is a probability.

    Args:
        title: Whose scores these are.
        subtitle: How far they are off, in words.
        bins: Bins with `score` (the mean, 0..1) and `positive` (a rate with its interval); a dot's
            area tells how many messages it stands for.
    """
    with mpl.rc_context({"svg.hashsalt": f"caretune/{title}", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_SQUARE_IN, _SQUARE_IN), layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=style.PALETTE["muted"], lw=1, ls=(0, (3, 3)))
        most = max((part["positive"]["n"] for part in bins), default=1)
        for part in bins:
            seen, colour = part["positive"], style.PALETTE["accent"]
            axes.plot([part["score"]] * 2, [seen["low"], seen["high"]], color=colour, lw=1.4)
            size = _DOT_PT * (0.3 + 0.7 * (seen["n"] / most) ** 0.5)
            axes.plot(part["score"], seen["value"], "o", color=colour, ms=size)
        axes.set(
            xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="score", ylabel="share that is positive"
        )
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
        _dress(axes)
        return _captioned(title, subtitle, figure)


def trend(
    title: str, subtitle: str, versions: Sequence[str], series: Mapping[str, Sequence[float | None]]
) -> Fragment:
    """Draw named figures over versions, each named at its end; null is a gap.

    Args:
        title: What is shown, in words.
        subtitle: The unit and which direction is better.
        versions: Names, oldest first; at least one.
        series: Name -> one figure a version.
    """
    with mpl.rc_context({"svg.hashsalt": f"caretune/{title}", "svg.fonttype": "none"}):
        figure = Figure(figsize=(_WIDTH_IN, _TALL_IN), layout="constrained")
        axes = figure.add_subplot()
        ends: list[tuple[float, str, str]] = []
        for place, (name, values) in enumerate(series.items()):
            known = [(at, value) for at, value in enumerate(values) if value is not None]
            colour = style.PALETTE[_CURVES[place % len(_CURVES)]]
            if known:
                axes.plot(*zip(*known, strict=True), color=colour, lw=1.8, marker="o", ms=4)
                ends.append((known[-1][1], style.words(name), colour))
        axes.margins(x=0.08)
        _label_ends(axes, ends)
        _dress(axes)
        every = -(-len(versions) // _TICKS)
        shown = range((len(versions) - 1) % every, len(versions), every)
        axes.set_xticks(shown, [versions[at] for at in shown])
        axes.yaxis.set_major_formatter("{x:,.10g}")
        return _captioned(title, subtitle, figure)


def points(history: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """Return (step, figure) of every logged row that holds the figure.

    Raises:
        CaretuneError: No row holds it.
    """
    found = [(row["step"], row[name]) for row in history if name in row]
    if not found:
        raise CaretuneError(
            f"the training history holds no {name!r}. Run `dvc repro train` to write it anew."
        )
    return found


def side_by_side(*figures: Fragment) -> Fragment:
    """Put figures beside one another; on a narrow screen one below the other."""
    return Fragment(f'<div class="figures">{style.join(figures).html}</div>')


def _label_ends(axes: mpl.axes.Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each curve's name right of its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    gap, previous = _LABEL_GAP * (high - low), float("-inf")
    for y, name, colour in sorted(ends):
        placed = max(y, previous + gap)
        previous = placed
        axes.text(
            1.02, placed, name, transform=axes.get_yaxis_transform(), color=colour, va="center"
        )


def _dress(axes: mpl.axes.Axes) -> None:
    """Leave out what carries no data: box, tick marks, vertical grid."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(style.PALETTE["line"])
    axes.grid(axis="y", color=style.PALETTE["line"], lw=0.7)
    axes.tick_params(length=0, colors=style.PALETTE["muted"])
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(style.PALETTE["muted"])


def _captioned(title: str, subtitle: str, figure: Figure) -> Fragment:
    """Write a figure as SVG under its caption."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawing = _inline(buffer.getvalue().decode(), f"{title}: {subtitle}")
    return style.draw("figure", title=title, subtitle=subtitle, drawing=drawing)


def _inline(svg: str, label: str) -> Fragment:
    """Cut an SVG file down to what stands in HTML: no prologue, metadata, group ids, fixed size."""
    svg = svg[svg.index("<svg") :]
    for surplus in _SURPLUS:
        svg = surplus.sub("", svg)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r"font: [^;\"]*?(\d+)px [^;\"]*", r"font: \1px system-ui, sans-serif", svg)
    for name, colour in style.PALETTE.items():
        svg = svg.replace(colour, f"var(--{name}, {colour})")
    said = f'<svg role="img" aria-label="{style.markup(label)}"'
    return Fragment(svg.replace("<svg", said, 1).strip())
