"""ROUGE-L: how much of the authored reply a generated one says in the same order."""

import numpy as np
from rouge_score import rouge_scorer, tokenizers

from caretune.evaluation.metric import Columns, Definition, Parts, RatioMetric

_WORDS = tokenizers.DefaultTokenizer(use_stemmer=False)
_SCORER = rouge_scorer.RougeScorer(["rougeL"], tokenizer=_WORDS)


class RougeL(RatioMetric):
    """Mean ROUGE-L F-measure (Lin 2004); 1 = the same words in the same order, 0 = none shared."""

    definition = Definition(
        name="rouge_l",
        version=1,
        unit="F-measure",
        direction="higher",
        columns={"answered": "bool", "predictions": "string", "references": "string"},
        description="Longest common subsequence of a reply and the authored one, F-measure.",
    )

    def parts(self, columns: Columns) -> Parts:
        """Score each reply; a conversation that was not answered is none of this metric's items."""
        rows = zip(*(columns[name] for name in self.definition.columns), strict=True)
        scores = [score(reply, authored) if asked else 0.0 for asked, reply, authored in rows]
        return Parts(np.array(scores, dtype=float), np.array(columns["answered"], dtype=float))


def score(reply: str, reference: str) -> float | None:
    """Return ROUGE-L of a reply, or None where the reference has no word in Latin letters.

    The scorer knows words of a-z and 0-9 only, as the original ROUGE does.
    """
    if not _WORDS.tokenize(reference):
        return None
    return float(_SCORER.score(reference, reply)["rougeL"].fmeasure)
