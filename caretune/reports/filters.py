"""What the filters find and what they raise without cause, as rates drawn beside their figures."""

from collections.abc import Mapping
from typing import Any

from caretune.reports import corpus, style, tables
from caretune.reports.style import Fragment

Figures = Mapping[str, Any]
"""The content of reports/filters/metrics.json."""

_DETECTORS = ("crisis", "toxicity", "bias", "appropriateness")


def key_figures(figures: Figures) -> Fragment:
    """Draw what matters most, and whether clinicians have signed the protocol replies."""
    crisis, ordinary = figures["decisions"]["crisis"], figures["decisions"]["ordinary"]
    return tables.tiles(
        {
            "of crisis messages: some risk seen": style.rate(crisis["any"]["recall"]),
            "of imminent messages: some risk seen": style.rate(
                crisis["by_severity"]["imminent"]["any"]
            ),
            **{
                f"of {n} ordinary messages (set {name}): called high risk": style.rate(one["high"])
                for name, one, n in ((k, v, style.count(v["n"])) for k, v in ordinary.items())
            },
            "clinical review of the protocol replies": "signed"
            if figures["protocol_reviewed"]
            else "none yet",
        }
    )


def decisions(figures: Figures) -> Fragment:
    """Draw what each detector decides, patterns and heads together, on its own labelled messages."""
    found = figures["decisions"]
    rows = {
        "crisis: any risk": found["crisis"]["any"],
        "crisis: high or imminent": found["crisis"]["high"],
        **{name: found[name] for name in _DETECTORS if name != "crisis"},
    }
    return tables.table(
        ["detector", "found", "false alarms", "positives", "negatives"],
        [
            [
                name,
                tables.meter(one["recall"]),
                tables.meter(one["false_alarm_rate"], "open"),
                style.count(one["positives"]),
                style.count(one["negatives"]),
            ]
            for name, one in rows.items()
        ],
        figures_from=3,
    )


def crisis_by_severity(figures: Figures) -> Fragment:
    """Draw which share of the messages of each authored severity is flagged; `none` wants 0."""
    found = figures["decisions"]["crisis"]["by_severity"]
    return tables.table(
        ["authored severity", "any risk seen", "seen as high or imminent", "messages"],
        [
            [
                name,
                *(
                    tables.meter(found[name][step], "open" if name == "none" else "accent")
                    for step in ("any", "high")
                ),
                style.count(found[name]["n"]),
            ]
            for name in corpus.ordered(found)
        ],
        figures_from=3,
    )


def heads(figures: Figures) -> Fragment:
    """Draw each trained head alone, at its threshold."""
    return tables.table(
        ["head", "found", "false alarms", "on ordinary messages", "positives", "threshold", "AUC"],
        [
            [
                " / ".join(map(style.words, name.split("/"))),
                tables.meter(one["recall"]),
                tables.meter(one["false_alarm_rate"], "open"),
                tables.meter(one["ordinary_false_alarm_rate"], "open"),
                style.count(one["positives"]),
                style.quantity(one["threshold"]),
                style.quantity(one["auc"]),
            ]
            for name, one in figures["heads"].items()
        ],
        figures_from=4,
    )


def personal_data(figures: Figures) -> Fragment:
    """Draw recall and precision of each type of personal data."""
    return tables.table(
        ["type", "found", "right when raised", "labelled"],
        [
            [
                name,
                tables.meter(one["recall"]),
                tables.meter(one["precision"]),
                style.count(one["n"]),
            ]
            for name, one in figures["pii"].items()
        ],
        figures_from=3,
    )


def sequences(figures: Figures) -> Fragment:
    """Draw how whole conversations are judged, where risk comes, goes and is taken back."""
    found = figures["sequences"]
    return tables.tiles(
        {
            "sequences of turns": style.count(found["n"]),
            "of those with risk: seen": style.rate(found["recall"]),
            "of those with risk: seen by the turn after it at the latest": style.rate(
                found["recall_by_next_turn"]
            ),
            "of those without risk: flagged": style.rate(found["false_alarm_rate"]),
        }
    )


def agreement(labels: Figures) -> Fragment:
    """Draw authored severity (down) against the filters' (across) on the corpus; then the shares.

    Args:
        labels: The content of reports/data/safety_label.json.
    """
    tiles = {
        "of labelled dialogues: the same severity": style.rate(labels["agreement_rate"]),
        "of labelled dialogues: at most one step apart": style.rate(labels["within_one_step_rate"]),
        "dialogues compared": style.count(labels["n"]),
        "dialogues that the filters could not score": style.count(labels["unscored"]),
    }
    return style.join(
        [corpus.matrix("authored severity", labels["gold_filter"]), tables.tiles(tiles)]
    )
