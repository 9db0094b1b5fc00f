"""What every metric here is: a ratio of sums over items, as a module of Hugging Face `evaluate`.

Metrics go through `evaluate.combine([...]).compute(family=..., plan=..., **columns)`; each takes
the columns that it names and leaves the rest. Nothing is fetched, and nothing is written but below
the cache folder that is passed in.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import evaluate
import numpy as np

from caretune.evaluation import bootstrap
from caretune.evaluation.bootstrap import Interval, Link, Plan
from caretune.evaluation.result import Direction, Result

Columns = Mapping[str, Sequence[Any]]
"""Column -> one value per item: `family` (text) and the numbers that the metrics name."""


class Definition(NamedTuple):
    """What a metric is called and what its number means; a new meaning takes a new version.

    Its value is `link(sum of numerators / sum of denominators)`.
    """

    name: str
    unit: str
    direction: Direction
    numerator: str
    """Column of each item's part in the ratio; null = the item could not be scored."""
    denominator: str
    """Column of each item's weight; 0 under a number = the metric does not apply to the item."""
    description: str
    share: bool = False
    """True where the value is a share of items, 0..1."""
    link: Link = np.positive
    """Maps the ratio to the metric's unit."""
    version: int = 1


class RatioMetric(evaluate.Metric):
    """A definition as a module of `evaluate`.

    Args:
        definition: What to compute.
        cache_dir: A temporary folder for what `evaluate` writes.
    """

    def __init__(self, definition: Definition, cache_dir: Path) -> None:
        self.definition = definition
        super().__init__(
            config_name=definition.name, cache_dir=str(cache_dir), keep_in_memory=True, seed=0
        )

    def _info(self) -> evaluate.MetricInfo:
        numbers = (self.definition.numerator, self.definition.denominator)
        columns = {"family": "string", **dict.fromkeys(numbers, "float64")}
        return evaluate.MetricInfo(
            description=self.definition.description,
            citation="",
            inputs_description=", ".join(sorted(columns)),
            features=datasets.Features({k: datasets.Value(v) for k, v in columns.items()}),
        )

    def _compute(self, *, plan: Plan, **columns: Any) -> dict[str, Result]:
        return {self.definition.name: result(self.definition, [columns], plan)}


def result(definition: Definition, tables: Sequence[Columns], plan: Plan) -> Result:
    """Return the value of one table, or the first's minus the second's, over items all have scored.

    Args:
        definition: What to compute.
        tables: One model's columns, or a candidate's and a baseline's of the same items.
        plan: How the interval is made.
    """
    numbers = (definition.numerator, definition.denominator)
    parts = [[np.array(table[name], dtype=np.float64) for name in numbers] for table in tables]
    applies = np.any([np.isnan(n) | (d > 0) for n, d in parts], axis=0)
    scored = np.all([~np.isnan(n) & (d > 0) for n, d in parts], axis=0)
    kept = [name for name, score in zip(tables[0]["family"], scored, strict=True) if score]
    found: dict[str, float | None] = dict.fromkeys(Interval._fields)
    if kept:
        first, *second = [bootstrap.totals(kept, n[scored], d[scored]) for n, d in parts]
        link, share = definition.link, definition.share
        found = (
            bootstrap.difference(first, second[0], link, plan, share=share)
            if second
            else bootstrap.ratio(first, link, plan, share=share)
        )._asdict()
    return Result(
        name=definition.name,
        version=definition.version,
        unit=definition.unit,
        direction=definition.direction,
        confidence=plan.confidence,
        n=int(scored.sum()),
        unscored=int(applies.sum() - scored.sum()),
        families=len(set(kept)),
        **found,
    )
