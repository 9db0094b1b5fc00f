"""distinct-n: whether a model says many things or one thing to everybody."""

import re
from collections import Counter
from pathlib import Path

import numpy as np

from caretune.evaluation.metric import Columns, Definition, Parts, RatioMetric

_WORD = re.compile(r"\w+")


class Distinct(RatioMetric):
    """Distinct n-grams over all n-grams of the replies (Li et al. 2016, NAACL, section 4.2).

    1 = no n-gram ever comes twice, near 0 = the same few everywhere. Each occurrence of an n-gram
    that comes c times counts 1/c, which sums to the distinct ones; the interval holds these counts
    fixed, so that a resampled family is no repetition.
    """

    def __init__(self, n: int, cache_dir: Path) -> None:
        self.n = n
        self.definition = Definition(
            name=f"distinct_{n}",
            version=1,
            unit=f"distinct {n}-grams per {n}-gram",
            direction="higher",
            columns={"answered": "bool", "predictions": "string"},
            description=f"Distinct {n}-grams over all {n}-grams of the generated replies.",
        )
        super().__init__(cache_dir)

    def parts(self, columns: Columns) -> Parts:
        """Share the distinct n-grams among the replies; a reply under n words is unscored."""
        rows = zip(columns["answered"], columns["predictions"], strict=True)
        replies = [self._grams(text) if asked else None for asked, text in rows]
        counts = Counter(gram for grams in replies if grams for gram in grams)
        numerators = [
            0.0 if grams is None else sum(1 / counts[gram] for gram in grams) or np.nan
            for grams in replies
        ]
        return Parts(np.array(numerators), np.array([float(len(grams or ())) for grams in replies]))

    def _grams(self, text: str) -> list[tuple[str, ...]]:
        words = _WORD.findall(text.lower())
        return list(zip(*(words[start:] for start in range(self.n)), strict=False))
