"""The figures of quality: the mix of sources and the scores before and after, and who left why.

Counts and sums are whole numbers, so that tallies of shards merged in any order give the same bytes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from caretune.corpus.quality.assessment import Assessment

BINS = 10
"""Bins of a histogram over 0..1, equally wide; the last one holds 1.0 too."""

_UNIT = 1_000
_STAGES = ("before", "after")


class Key(NamedTuple):
    """Of what a score was counted; `stage` is before (every row) or after (kept rows)."""

    source: str
    stage: str
    score: str


@dataclass
class Tally:
    """Counts assessments by source; one for each worker, merged in the end."""

    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    """`(source, stage)`."""
    exits: Counter[tuple[str, str]] = field(default_factory=Counter)
    """`(source, exit)`."""
    spared: Counter[tuple[str, str]] = field(default_factory=Counter)
    """`(source, exit)` of rows that stay because they speak of a crisis."""
    sums: Counter[Key] = field(default_factory=Counter)
    """Sum of a score, in thousandths."""
    bins: Counter[tuple[Key, int]] = field(default_factory=Counter)

    def add(self, source: str, assessment: Assessment) -> None:
        """Count one row before, and after where it passes."""
        self._count(source, "before", assessment.scores, 1)
        if assessment.exit:
            self.exits[source, assessment.exit] += 1
            return
        self._count(source, "after", assessment.scores, 1)
        if assessment.spared:
            self.spared[source, assessment.spared] += 1

    def drop(self, source: str, scores: Mapping[str, float]) -> None:
        """Take back one row that passed and left later: a duplicate, or above weight or cap."""
        self._count(source, "after", scores, -1)

    def merge(self, other: "Tally") -> None:
        """Add what another tally counted."""
        self.rows.update(other.rows)
        self.exits.update(other.exits)
        self.spared.update(other.spared)
        self.sums.update(other.sums)
        self.bins.update(other.bins)

    def figures(self) -> dict[str, Any]:
        """Return, for each source, what the report shows.

        `rows` before and after; `exits` and `spared` (kept as of a crisis) by name; for each score and
        stage `n` (rows it could be measured of), `mean` (0..1, 1.0 = best; null where n is 0) and
        `histogram`.
        """
        return {source: self._source(source) for source in sorted({key[0] for key in self.rows})}

    def _count(self, source: str, stage: str, scores: Mapping[str, float], rows: int) -> None:
        self.rows[source, stage] += rows
        for name, score in scores.items():
            thousandths = round(score * _UNIT)
            key = Key(source, stage, name)
            self.sums[key] += rows * thousandths
            self.bins[key, min(BINS - 1, thousandths * BINS // _UNIT)] += rows

    def _source(self, source: str) -> dict[str, Any]:
        names = sorted({key.score for key in self.sums if key.source == source})
        return {
            "rows": {stage: self.rows[source, stage] for stage in _STAGES},
            "exits": _of(source, self.exits),
            "spared": _of(source, self.spared),
            "scores": {
                name: {stage: self._score(Key(source, stage, name)) for stage in _STAGES}
                for name in names
            },
        }

    def _score(self, key: Key) -> dict[str, Any]:
        histogram = [self.bins[key, place] for place in range(BINS)]
        n = sum(histogram)
        mean = round(self.sums[key] / n / _UNIT, 4) if n else None
        return {"n": n, "mean": mean, "histogram": histogram}


def _of(source: str, counts: Counter[tuple[str, str]]) -> dict[str, int]:
    return {name: n for (owner, name), n in sorted(counts.items()) if owner == source}
