"""What every piece of a report is made of: escaped HTML, one palette, numbers for people."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

NOT_MEASURED = "not measured"

# Light-theme values of the variables of the same name in page.css; a figure drawn in these colours
# has them replaced by the variables, so that it follows the reader's light or dark theme.
PALETTE = {
    "ink": "#1d2129",
    "muted": "#5f6673",
    "line": "#dde0e6",
    "accent": "#3b5bdb",
    "base": "#7d8594",
    "lora": "#0b8a83",
    "moe_lora": "#6741d9",
}

_NAMES = {"lora": "LoRA", "moe_lora": "MoE-LoRA", "nll": "NLL", "pii": "PII", "rouge_l": "ROUGE-L"}


@dataclass(frozen=True, repr=False)
class Fragment:
    """A piece of HTML that a notebook cell shows; its `repr` is stable from run to run."""

    html: str

    def __html__(self) -> str:
        """Return what jinja2 writes without escaping it again."""
        return self.html

    _repr_html_ = __html__

    def __repr__(self) -> str:
        return f"Fragment of {len(self.html)} characters"


def markup(value: Any) -> str:
    """Return a value as HTML: fragments as they are, anything else escaped; None is a dash."""
    if isinstance(value, Fragment):
        return value.html
    return html.escape("\N{EN DASH}" if value is None else str(value))


def draw(piece: str, *values: Any, **named: Any) -> Fragment:
    """Return a piece of pieces.jinja, filled with values."""
    drawn = getattr(_PIECES.get_template("pieces.jinja").module, piece)(*values, **named)
    return Fragment(drawn.strip())


def join(pieces: Iterable[Fragment]) -> Fragment:
    """Put fragments one after the other."""
    return Fragment("\n".join(piece.html for piece in pieces))


def words(name: str) -> str:
    """Return an identifier as words: `crisis_safety` becomes `crisis safety`, `lora` `LoRA`."""
    if name in _NAMES:
        return _NAMES[name]
    return " ".join(_NAMES.get(part, part) for part in name.replace("/", "_/_").split("_"))


def title(name: str) -> str:
    """Return an identifier as words that begin with a capital."""
    said = words(name)
    return said[:1].upper() + said[1:]


def count(value: int | None) -> str:
    """Return a whole number with thousands separated."""
    return NOT_MEASURED if value is None else f"{value:,}"


def rate(value: float | None) -> str:
    """Return a rate 0..1 as per cent with one decimal."""
    return NOT_MEASURED if value is None else _signed(f"{100 * value:.1f}\N{NO-BREAK SPACE}%")


def quantity(value: float | None, unit: str = "") -> str:
    """Return a measured value in its unit: rates as per cent, others with up to four digits."""
    if value is None:
        return NOT_MEASURED
    if unit == "rate":
        return rate(value)
    if float(value).is_integer():
        return _signed(f"{value:,.0f}")
    digits = 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3  # noqa: PLR2004 - about four digits
    return _signed(f"{value:.{digits}f}")


def interval(value: float | None, low: float | None, high: float | None, unit: str) -> Fragment:
    """Return `value [low, high]`; the interval is left out where there is none."""
    said = quantity(value, unit)
    if low is None or high is None:
        return Fragment(markup(said))
    ends = f"[{quantity(low, unit)}, {quantity(high, unit)}]"
    return Fragment(f'{markup(said)} <span class="range">{ends}</span>')


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


_PIECES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: "\N{EN DASH}" if value is None else value,
)
_PIECES.filters |= {"words": words, "count": count, "rate": rate, "quantity": quantity}
