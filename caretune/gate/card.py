"""The model card: what the figures say, in words for whoever finds the folder."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from caretune import records
from caretune.evaluation.result import Metrics, Result, pair
from caretune.gate.verdict import RuleResult, Verdict
from caretune.records import Conversation

_SPLITS = ("train", "validation", "test")
_NOTICE = {
    "rehearsal": "**This is a rehearsal. It shows that the pipeline works; it is not for people.**",
    "staging": "**This is a staging release, for reviewers only. It is not for people in need.**",
    "production": "Serve it only with the filters in this folder and with people to escalate to.",
}

_USE = """## Use

Intended: rehearsing the pipeline, and research on tuning and on filters.

Prohibited: advice, diagnosis or treatment; contact with people in distress where no person answers;
any use without the filters in this folder. It replaces nobody, and was not tried with people."""
_LIMITS = """- The dialogues are written, not recorded: they show style, not how people in need write.
- The filters are not reviewed by clinicians; their own figures stand in the filter report.
- Generated text may be wrong, repetitive or hurtful; the filters catch a part of it."""


class DataFigures(NamedTuple):
    """What the model learned from and was measured on."""

    splits: dict[str, int]
    """Split -> rows."""
    sources: dict[tuple[str, str], int]
    """(source, licence) -> rows."""
    severities: dict[str, int]


def count(split: Path) -> DataFigures:
    """Count the rows of a split folder by split, by source and licence, and by severity."""
    rows = {name: list(records.read(split / f"{name}.jsonl", Conversation)) for name in _SPLITS}
    every = [row for part in rows.values() for row in part]
    severities = Counter(records.crisis_severity(row) or "unlabelled" for row in every)
    return DataFigures(
        {name: len(part) for name, part in rows.items()},
        dict(sorted(Counter((row.source, row.license) for row in every).items())),
        dict(sorted(severities.items())),
    )


def render(
    candidate: str, base: Mapping[str, Any], verdict: Verdict, metrics: Metrics, data: DataFigures
) -> str:
    """Return MODEL_CARD.md.

    Args:
        candidate: Name of the adapter.
        base: Content of base.json.
        verdict: The gate's verdict on it.
        metrics: Its evaluation.
        data: The rows behind both.
    """
    sections = [
        f"# caretune {candidate}",
        _NOTICE[verdict.level],
        f"An adapter of kind {candidate} on {_base(base)}, for supportive conversation in English.",
        _USE,
        "## Data",
        _data(data),
        "## Measured on held-out families",
        _measured(candidate, metrics),
        "## The gate",
        _gate(verdict),
        "## Limits",
        _limits(verdict, metrics.models[candidate]),
    ]
    return "\n\n".join(sections) + "\n"


def _base(record: Mapping[str, Any]) -> str:
    size = f"{record['parameters']:,} parameters"
    if record["kind"] == "rehearsal":
        return f"a rehearsal base ({size}, trained on this split's train rows alone)"
    revision = f" at revision {record['revision']}" if record["revision"] else ""
    return f"{record['source']}{revision} ({size})"


def _data(data: DataFigures) -> str:
    lines = [
        _row("source", "licence", "rows"),
        _row("---", "---", "---:"),
        *(_row(source, licence, str(rows)) for (source, licence), rows in data.sources.items()),
        "",
        "Rows by split: " + _listed(data.splits) + " (whole families, none in two splits).",
        "Rows by crisis severity: " + _listed(data.severities) + ".",
    ]
    return "\n".join(lines)


def _measured(candidate: str, metrics: Metrics) -> str:
    models = sorted(metrics.models, key=lambda name: (name != candidate, name))
    against = [name for name in models if pair(candidate, name) in metrics.paired]
    heads = ["metric (better)", *models, *(f"{candidate} minus {name}" for name in against), "n"]
    lines = [_row(*heads), _row("---", *("---:" for _ in heads[1:]))]
    for name, result in sorted(metrics.models[candidate].items()):
        cells = [metrics.models[model][name] for model in models]
        cells += [metrics.paired[pair(candidate, model)][name] for model in against]
        unscored = f" ({result.unscored} unscored)" if result.unscored else ""
        lines.append(
            _row(
                f"{name}, {result.unit} ({result.direction})",
                *(_interval(cell.value, cell.low, cell.high) for cell in cells),
                f"{result.n}{unscored}",
            )
        )
    confidence = next(iter(metrics.models[candidate].values())).confidence
    return "\n".join(lines) + (
        f"\n\nIn brackets: {confidence:.0%} intervals, bootstrapped over families."
    )


def _gate(verdict: Verdict) -> str:
    lines = [
        f"Verdict at level {verdict.level}: **{verdict.result}**.",
        "",
        _row("rule", "found", "wanted", "n", "needed", "binds", "result"),
        _row("---", "---:", "---:", "---:", "---:", "---", "---"),
        *(_rule(rule) for rule in verdict.rules),
    ]
    return "\n".join(lines)


def _rule(rule: RuleResult) -> str:
    return _row(
        rule.name + ("" if rule.baseline is None else f" (against {rule.baseline})"),
        _interval(rule.value, rule.low, rule.high),
        f"at {rule.at} {rule.threshold:g}",
        str(rule.n),
        "" if rule.needed_n is None else str(rule.needed_n),
        "yes" if rule.binds else "no",
        rule.result,
    )


def _limits(verdict: Verdict, results: dict[str, Result]) -> str:
    open_rules = [rule for rule in verdict.rules if rule.result == "inconclusive"]
    unsettled = ", ".join(
        f"{rule.name} ({rule.n} items, {rule.needed_n or 'no number of'} needed)"
        for rule in open_rules
    )
    unmeasured = ", ".join(sorted(name for name, found in results.items() if found.value is None))
    lines = [_LIMITS]
    if unsettled:
        lines.append(f"- The evidence does not settle: {unsettled}.")
    if unmeasured:
        lines.append(f"- Not measured, for want of items: {unmeasured}.")
    return "\n".join(lines)


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" + ("" if low is None or high is None else f" [{low:.4g}, {high:.4g}]")


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())
