"""The model card: what the figures say, in words for whoever finds the folder.

The words themselves stand in card.jinja.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from caretune import records
from caretune.evaluation.result import Metrics, pair
from caretune.gate import conservation
from caretune.gate import verdict as verdicts
from caretune.gate.verdict import Verdict


class DataFigures(NamedTuple):
    """What the model learned from and was measured on."""

    splits: dict[str, int]
    """Split -> rows."""
    sources: dict[tuple[str, str], int]
    """(source, licence) -> rows."""
    severities: dict[str, int]


def count(split: Path) -> DataFigures:
    """Count the rows of a split folder by split, by source and licence, and by severity."""
    rows = list(conservation.read_splits(split))
    severities = Counter(records.crisis_severity(row) or "unlabelled" for row in rows)
    return DataFigures(
        Counter(str(row.split) for row in rows),
        dict(sorted(Counter((row.source, row.license) for row in rows).items())),
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
    results = metrics.models[candidate]
    models = sorted(metrics.models, key=lambda name: (name != candidate, name))
    against = [name for name in models if pair(candidate, name) in metrics.paired]
    # Markdown: nothing to escape for.
    page = Environment(  # noqa: S701
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return page.get_template("card.jinja").render(
        candidate=candidate,
        base=base,
        data=data,
        heads=["metric (better)", *models, *(f"{candidate} minus {name}" for name in against), "n"],
        measured=_measured(metrics, candidate, models, against),
        confidence=f"{next(iter(results.values())).confidence:.0%}",
        verdict=verdict,
        headings=verdicts.HEADINGS,
        rules=map(verdicts.cells, verdict.rules),
        unmeasured=sorted(name for name, found in results.items() if found.value is None),
    )


def _measured(
    metrics: Metrics, candidate: str, models: list[str], against: list[str]
) -> Iterator[list[str]]:
    """Yield the cells of each metric: every model's value, the differences, and how many items."""
    for name, result in sorted(metrics.models[candidate].items()):
        found = [metrics.models[model][name] for model in models]
        found += [metrics.paired[pair(candidate, model)][name] for model in against]
        unscored = f" ({result.unscored} unscored)" if result.unscored else ""
        yield [
            f"{name}, {result.unit} ({result.direction})",
            *(verdicts.interval(cell.value, cell.low, cell.high) for cell in found),
            f"{result.n}{unscored}",
        ]
