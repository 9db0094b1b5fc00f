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
from caretune.evaluation.bootstrap import Floats, Plan
from caretune.evaluation.result import Direction, Result


class Definition(NamedTuple):
    """What a metric is called and what its number means; a new meaning takes a new version."""

    name: str
    version: int
    unit: str
    direction: Direction
    columns: Mapping[str, str]
    """Column -> Arrow type; numbers and bools may be null, strings not (`evaluate` forbids it)."""
    description: str
    share: bool = False
    """True where the value is a share of items, 0..1."""


Columns = Mapping[str, Sequence[Any]]
"""Column -> one value per item."""


class Parts(NamedTuple):
    """Each item's share in the ratio, both of shape (items,).

    A NaN numerator is an item that could not be scored; a zero denominator under a number is one
    that the metric does not apply to.
    """

    numerators: Floats
    denominators: Floats


class RatioMetric(evaluate.Metric):
    """A metric whose value is `link(sum of numerators / sum of denominators)`.

    Args:
        cache_dir: A temporary folder for what `evaluate` writes.
    """

    definition: Definition

    def __init__(self, cache_dir: Path) -> None:
        super().__init__(
            config_name=self.definition.name, cache_dir=str(cache_dir), keep_in_memory=True, seed=0
        )

    def parts(self, columns: Columns) -> Parts:
        """Return each item's numerator and denominator from the columns that it names."""
        raise NotImplementedError

    @staticmethod
    def link(ratio: Floats) -> Floats:
        """Map the ratio to the metric's unit."""
        return ratio

    def compare(
        self, family: Sequence[str], candidate: Parts, baseline: Parts, plan: Plan
    ) -> Result:
        """Return candidate minus baseline over the items that both have a score for."""
        return self._result(family, [candidate, baseline], plan)

    def _info(self) -> evaluate.MetricInfo:
        columns = {"family": "string", **self.definition.columns}
        return evaluate.MetricInfo(
            description=self.definition.description,
            citation="",
            inputs_description=", ".join(sorted(columns)),
            features=datasets.Features({k: datasets.Value(v) for k, v in columns.items()}),
        )

    def _compute(self, *, family: Sequence[str], plan: Plan, **columns: Any) -> dict[str, Result]:
        return {self.definition.name: self._result(family, [self.parts(columns)], plan)}

    def _result(self, family: Sequence[str], parts: Sequence[Parts], plan: Plan) -> Result:
        """Return the value of one model, or the difference of two, over items all have scored."""
        applies = np.any([np.isnan(n) | (d > 0) for n, d in parts], axis=0)
        scored = np.all([~np.isnan(n) & (d > 0) for n, d in parts], axis=0)
        kept = [name for name, score in zip(family, scored, strict=True) if score]
        found = None
        if kept:
            first, *second = (bootstrap.totals(kept, n[scored], d[scored]) for n, d in parts)
            share = self.definition.share
            found = (
                bootstrap.difference(first, second[0], self.link, plan, share=share)
                if second
                else bootstrap.ratio(first, self.link, plan, share=share)
            )
        return Result(
            name=self.definition.name,
            version=self.definition.version,
            unit=self.definition.unit,
            direction=self.definition.direction,
            value=found.value if found else None,
            low=found.low if found else None,
            high=found.high if found else None,
            confidence=plan.confidence,
            n=int(scored.sum()),
            unscored=int(applies.sum() - scored.sum()),
            families=len(set(kept)),
            deviation=found.deviation if found else None,
        )
