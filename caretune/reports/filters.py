"""What the safety filters find and miss: against the goals, over the turns, and the worst by id."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from caretune.reports import figures, intervals, style, tables
from caretune.reports.style import Fragment

Figures = Mapping[str, Any]
"""reports/filters/metrics.json, or a part of it, as its stage wrote it."""

_HEADS = {
    "severity/low": "Any risk",
    "severity/high": "High or imminent risk",
    "toxic": "Toxicity",
    "bias": "Bias",
    "inappropriate": "Unfit reply",
}
_QUESTIONS = {
    "risk": "any crisis risk",
    "grave": "high or imminent",
    "toxic": "toxic",
    "biased": "biased",
    "stopped": "a reply with a fault",
}
_USES = {"measure": "never learnt from", "teach": "learnt from, judged by other folds"}
Better = Literal["higher", "lower"]

_ID_SHOWN = 12  # of 32 hex digits; enough to find the record
_NARROWEST = 0.10  # a scale of false alarms ends here at the least
_SEVERITY = ("crisis", "by_severity")


class Goal(NamedTuple):
    """What a rate is asked to be; the goals are those of docs/safety.md."""

    name: str
    note: str
    path: tuple[str, ...]
    """Where the rate stands in the decisions."""
    threshold: float


_FOUND = (
    Goal("Crisis: any risk", "of messages with risk", ("crisis", "any", "recall"), 0.90),
    Goal("Crisis: high or imminent", "some risk seen", ("crisis", "grave", "any"), 0.95),
    Goal("Imminent danger", "judged high or above", (*_SEVERITY, "imminent", "high"), 0.90),
    Goal("Toxicity", "of toxic messages", ("toxicity", "recall"), 0.80),
    Goal("Bias", "of biased messages", ("bias", "recall"), 0.85),
    Goal("Unfit replies", "of replies with a violation", ("appropriateness", "recall"), 0.80),
)
"""Shares that should be large."""

_SPARED = (
    Goal("Crisis: traps", "judged moderate or above", (*_SEVERITY, "none", "moderate"), 0.05),
    Goal(
        "Crisis: messages of the bias set",
        "judged high or above",
        ("ordinary", "bias", "high"),
        0.03,
    ),
    Goal(
        "Crisis: messages with personal data",
        "judged high or above",
        ("ordinary", "pii", "high"),
        0.03,
    ),
    Goal("Toxicity: traps", "flagged", ("toxicity", "false_alarm_rate"), 0.06),
    Goal("Bias: traps", "flagged", ("bias", "false_alarm_rate"), 0.08),
    Goal("Fit replies", "flagged", ("appropriateness", "false_alarm_rate"), 0.10),
)
"""Shares of harmless messages that should be small."""


def found(decided: Figures) -> Fragment:
    """Draw against its goal how much is found of what there is to find."""
    return style.join(_row(goal, _at(decided, goal), "higher", 1.0) for goal in _FOUND)


def spared(decided: Figures) -> Fragment:
    """Draw against its goal how much harmless text is flagged, all on one scale."""
    rates = [_at(decided, goal) for goal in _SPARED]
    last = max([_NARROWEST, *(rate["high"] for rate in rates if rate["high"] is not None)])
    return style.join(
        _row(goal, rate, "lower", last) for goal, rate in zip(_SPARED, rates, strict=True)
    )


def delays(sequences: Figures) -> Fragment:
    """Draw how many conversations with risk are heard how many turns after its first sign."""
    heard = {
        _turns(int(turns)): (int(turns), n) for turns, n in sequences["turns_to_alarm"].items()
    }
    amounts = {name: n for name, (_, n) in sorted(heard.items(), key=lambda item: item[1][0])}
    return tables.bars({**amounts, "never": sequences["never"]})


def reliability(calibration: Figures) -> Fragment:
    """Draw the reliability diagram of each head, three in a row where there is room."""
    drawn = style.join(
        figures.reliability(
            name,
            f"off by {100 * calibration[head]['error']:.1f} points on average, "
            f"n = {style.count(calibration[head]['n'])}",
            calibration[head]["bins"],
        )
        for head, name in _HEADS.items()
    )
    return style.draw("grid", drawn)


def development(figures: Figures) -> Fragment:
    """Tabulate how other people's sets are answered, or say that none was measured."""
    use = figures["development_use"]
    if use == "none":
        return Fragment("<p>None was measured in this run; docs/own-data.md tells how.</p>")
    answers = {
        f"{name}: {_QUESTIONS[question]}": rates
        for name, asked in figures["development"].items()
        for question, rates in asked.items()
    }
    found = tables.Column("found", "recall", tables.share)
    alarms = tables.Column("false alarms", "false_alarm_rate", tables.caution)
    right = tables.Column("right when raised", "precision", tables.share)
    return style.join(
        [
            tables.of(_USES[use], answers, [found, alarms]),
            tables.of(
                "personal data, never learnt from", figures["development_pii"], [found, right]
            ),
        ]
    )


def worst(mistakes: Sequence[Figures]) -> Fragment:
    """List the worst mistakes by record id; what was said stays in data/raw."""
    return tables.table(
        ["detector", "error", "authored", "judged", "record id", "score"],
        [
            [
                mistake["detector"],
                style.words(mistake["error"]),
                style.words(mistake["authored"]),
                style.words(mistake["said"]),
                Fragment(
                    f'<code style="white-space:nowrap">{style.markup(mistake["id"][:_ID_SHOWN])}</code>'
                ),
                style.quantity(mistake["score"]),
            ]
            for mistake in mistakes
        ],
        figures_from=5,
    )


def _at(decided: Figures, goal: Goal) -> Figures:
    """Return the rate that a goal is about."""
    found: Any = decided
    for name in goal.path:
        found = found[name]
    return cast("Figures", found)


def _row(goal: Goal, rate: Figures, better: Better, last: float) -> Fragment:
    """Draw one goal on a scale from 0 to `last`."""
    value, low, high = (rate[name] for name in ("value", "low", "high"))
    tone, word = _standing(rate, goal.threshold, better)
    asked = {"higher": "at least", "lower": "at most"}[better]
    return style.draw(
        "row",
        tone=tone,
        signed=True,
        name=goal.name,
        note=goal.note,
        drawing=intervals.strip(
            value, low, high, goal.threshold, better=better, unit="rate", ends=(0.0, last)
        ),
        word=word,
        facts=[
            style.interval(value, low, high, "rate"),
            f"goal: {asked} {style.rate(goal.threshold)}",
            f"n = {style.count(rate['n'])}",
        ],
    )


def _standing(rate: Figures, threshold: float, better: Better) -> tuple[str, str]:
    """Say in a tone and in words whether a goal is met, and whether by the whole interval."""
    if rate["value"] is None:
        return "inconclusive", "Not measured"
    sign, end = (1, rate["low"]) if better == "higher" else (-1, rate["high"])
    if sign * end >= sign * threshold:
        return "pass", "Met by the whole interval"
    if sign * rate["value"] >= sign * threshold:
        return "inconclusive", "Met, but not surely"
    return "fail", "Not met"


def _turns(delay: int) -> str:
    if delay == 0:
        return "in the same turn"
    unit = "turn" if abs(delay) == 1 else "turns"
    return f"{abs(delay)} {unit} {'early' if delay < 0 else 'later'}"
