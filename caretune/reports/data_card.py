"""The data card: what the figures of the data stages say, in words for whoever wants to use the rows.

The words stand in data_card.jinja, every number comes from a file. A figure that a stage does not give is
said to be not measured; it is never zero and never typed in.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, Undefined

from caretune.corpus import licences, versions
from caretune.safety.taxonomy import SEVERITIES

STAGES = ("ingest", "split", "augment", "safety_label", "leak_proof")
"""Files of figures that the card tells of, without their suffix."""

_NOTHING = "not measured"
_STRATEGY = (
    "probability", "tried", "made", "pairs", "near_parent_rate", "parent_similarity", "distinct_2",
)  # fmt: skip
"""What the card tells of a strategy of augmentation."""
_LEDGER = ("rows_read", "rows_written", "exits")
_ORDERS = (
    (*SEVERITIES, "unlabelled", "not_labelled", "unscored"),
    ("routine", "moderate", "hard", "crisis", "unlabelled"),
    ("train", "validation", "test", "expert"),
    STAGES,
    ("before", "after"),
    _STRATEGY,
    ("in", "out", "exits"),
    _LEDGER,
)
"""Words that have an order of their own; all others stand by name."""
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


class Origin(NamedTuple):
    """Where the rows of one source come from, as params say."""

    license: str
    place: str
    """An address, or in words: ships with the project, read in place."""


def render(
    figures: Mapping[str, Any], origins: Mapping[str, Origin], raw: Mapping[str, int]
) -> str:
    """Return the card as Markdown, with the header that dataset hubs read.

    Args:
        figures: Stage -> content of its file under reports/data; a stage may be missing.
        origins: Source -> origin, for the sources that are in use.
        raw: File of labelled messages or dialogues that ships with the project -> its rows.
    """
    # Markdown: nothing to escape for.
    page = Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=ChainableUndefined,
        finalize=_cell,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    page.filters |= {"counts": _counts, "grid": _grid, "rate": _rate, "size": _size}
    stages = {stage: figures[stage] for stage in STAGES if stage in figures}
    quality = stages.get("ingest", {}).get("quality", {})
    return page.get_template("data_card.jinja").render(
        **stages,
        origins={
            name: {"licence": origin.license, "from": origin.place}
            for name, origin in origins.items()
        },
        terms={name: _terms(name) for name in sorted({o.license for o in origins.values()})},
        licenses=sorted({origin.license.lower() for origin in origins.values()}),
        raw=raw,
        scores=versions.means(quality),
        mix={source: found["rows"] for source, found in quality.items()},
        left={source: found["exits"] for source, found in quality.items() if found["exits"]},
        spared={source: found["spared"] for source, found in quality.items() if found["spared"]},
        way={
            stage: {name: found["ledger"].get(name) for name in _LEDGER}
            for stage, found in stages.items()
            if "ledger" in found
        },
        strategies={
            name: {key: found[key] for key in _STRATEGY if key in found}
            for name, found in stages.get("augment", {}).get("strategies", {}).items()
        },
        conserved={s: account for s, found in stages.items() if (account := _account(found))},
        crisis={name: _crisis(found) for name, found in _splits(stages)},
    )


def _terms(license: str) -> dict[str, str]:  # noqa: A002 - the field's name everywhere
    """Return what a licence allows and asks for, by the project's own reading of it."""
    allowed = [use for use in get_args(licences.Use) if licences.permits(license, use)]
    owed = [duty for duty, names in licences.duties({license}).items() if names]
    return {"allows": ", ".join(allowed) or "nothing", "asks for": ", ".join(owed) or "nothing"}


def _account(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a stage's account of its crisis rows, known by its shape: in, out, exits."""
    for value in found.values():
        if isinstance(value, Mapping) and {"in", "out", "exits"} <= value.keys():
            return {name: value[name] for name in ("in", "out", "exits")}
    return None


def _splits(stages: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return list(stages.get("split", {}).get("splits", {}).items())


def _crisis(found: Mapping[str, Any]) -> int:
    return sum(found.get("severity", {}).get(name, 0) for name in ("high", "imminent"))


def _counts(found: Any, name: str, unit: str = "rows") -> str:
    """Write a mapping as a table of two columns; a sentence where there is none."""
    if not _given(found):
        return _sentence()
    lines = [f"| {name} | {unit} |", "| --- | ---: |"]
    return "\n".join(lines + [f"| {key} | {_cell(found[key])} |" for key in _ordered(found)])


def _grid(found: Any, name: str) -> str:
    """Write a mapping of mappings as a table; a cell without a value is empty."""
    if not _given(found):
        return _sentence()
    columns = _ordered({column: None for row in found.values() for column in row})
    numbers = [
        all(isinstance(row.get(c), int | float | None) for row in found.values()) for c in columns
    ]
    dashes = ["---", *("---:" if number else "---" for number in numbers)]
    lines = [f"| {' | '.join([name, *columns])} |", f"| {' | '.join(dashes)} |"]
    for key in _ordered(found):
        cells = [str(_cell(found[key][c])) if c in found[key] else "" for c in columns]
        lines.append(f"| {' | '.join([key, *cells])} |")
    return "\n".join(lines)


def _rate(found: Any) -> str:
    return f"{found:.1%}" if _given(found) else _NOTHING


def _size(found: Any) -> str:
    """Return the word that dataset hubs have for a number of rows."""
    rows = found if _given(found) else 0
    return next((word for most, word in _SIZES if rows < most), "1M<n<10M")


def _cell(value: Any) -> Any:
    """Return a value as it is read: thousands with commas, three digits of a fraction."""
    said = value
    match value:
        case None | Undefined():
            said = _NOTHING
        case bool():
            said = "yes" if value else "no"
        case int():
            said = f"{value:,}"
        case float():
            said = f"{value:.3g}"
        case Mapping():
            said = ", ".join(f"{key} {_cell(value[key])}" for key in _ordered(value)) or "none"
        case list() | tuple():
            said = ", ".join(str(_cell(item)) for item in value)
    return said


def _ordered(found: Mapping[str, Any]) -> list[str]:
    own = [order for order in _ORDERS if set(found) <= set(order)]
    return sorted(found, key=own[0].index) if own else sorted(found)


def _given(found: Any) -> bool:
    return found is not None and found != {} and not isinstance(found, Undefined)


def _sentence() -> str:
    return f"{_NOTHING[0].upper()}{_NOTHING[1:]} in this run."
