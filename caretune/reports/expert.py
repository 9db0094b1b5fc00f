"""The expert set: what was wanted and found, and how evenly it covers the scenarios."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from caretune.reports import figures, intervals, style, tables
from caretune.reports.style import Fragment

Figures = Mapping[str, Any]
"""`expert` of reports/data/split.json."""

_ROOM = 1.5
"""A scale ends at so many times what is wanted."""


def outcome(expert: Figures) -> Fragment:
    """Draw how many examples were found of those wanted, and the share of crisis in its band."""
    wanted, found = expert["wanted"], expert["found"]
    enough = found["examples"] >= wanted["examples"]
    examples = style.draw(
        "row",
        tone="pass" if enough else "inconclusive",
        signed=True,
        name="Examples",
        note="replies with their context",
        drawing=intervals.strip(
            found["examples"],
            None,
            None,
            wanted["examples"],
            better="higher",
            ends=(0.0, max(found["examples"], _ROOM * wanted["examples"])),
        ),
        word="As many as wanted" if enough else "Fewer than wanted",
        facts=[
            f"{style.count(found['examples'])} of {style.count(wanted['examples'])}",
            *(
                f"from {style.count(number)} {split} families"
                for split, number in sorted(found["families"].items())
            ),
        ],
    )
    why = [style.draw("paragraph", expert["why"])] if expert["why"] else []
    return style.join([examples, _crisis(wanted, found), *why])


def balance(expert: Figures) -> Fragment:
    """Draw how many themes have how many examples, the difficulties, and the whole table folded."""
    scenarios: Mapping[str, int] = expert["found"]["scenarios"]
    themes, difficulties = Counter[str](), Counter[str]()
    table: dict[str, Counter[str]] = {}
    for scenario, number in scenarios.items():
        theme, _, difficulty = scenario.partition("/")
        themes[theme] += number
        difficulties[difficulty or "not told"] += number
        table.setdefault(theme, Counter())[difficulty or "not told"] += number
    spread = Counter(themes.values())
    drawn = [
        _bars(
            "Examples a theme",
            f"{style.count(len(themes))} themes, by how many examples they have",
            {_examples(number): spread[number] for number in sorted(spread)},
        ),
        _bars("Examples by difficulty", "as the authors gave it", difficulties),
    ]
    folded = style.draw("folded", "All themes", tables.matrix("theme", table))
    return style.join([figures.side_by_side(*drawn), folded])


def _crisis(wanted: Figures, found: Figures) -> Fragment:
    (low, high), rate = wanted["crisis_rates"], found["crisis_rate"]
    holds = found["crisis_rate_in_band"]
    measured = rate is not None
    return style.draw(
        "row",
        tone="pass" if holds else "fail" if measured else "inconclusive",
        signed=True,
        name="Share of crisis",
        note="high or imminent severity",
        drawing=(
            intervals.band(rate, low, high, unit="rate", last=_ROOM * high) if measured else ""
        ),
        word="In the band" if holds else "Outside the band" if measured else "No examples",
        facts=[
            style.rate(rate),
            f"wanted: {style.rate(low)} to {style.rate(high)}",
            f"{style.count(found['crisis'])} of {style.count(wanted['crisis'])} examples",
        ],
    )


def _bars(title: str, subtitle: str, amounts: Mapping[str, int]) -> Fragment:
    return style.draw("figure", title=title, subtitle=subtitle, drawing=tables.bars(amounts))


def _examples(number: int) -> str:
    return "1 example" if number == 1 else f"{number} examples"
