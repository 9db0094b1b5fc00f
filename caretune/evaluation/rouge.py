"""ROUGE-L: how much of the authored reply a generated one says in the same order."""

from rouge_score import rouge_scorer, tokenizers

from caretune.evaluation.metric import Definition

_WORDS = tokenizers.DefaultTokenizer(use_stemmer=False)
_SCORER = rouge_scorer.RougeScorer(["rougeL"], tokenizer=_WORDS)
ROUGE_L = Definition(
    name="rouge_l",
    unit="F-measure",
    direction="higher",
    numerator="rouge_l",
    denominator="answered",
    description="Longest common subsequence of a reply and the authored one, F-measure.",
)
"""Mean F-measure (Lin 2004); 1 = the same words in the same order, 0 = none shared."""


def score(reply: str, reference: str) -> float | None:
    """Return ROUGE-L of a reply, or None where the reference has no word in Latin letters.

    The scorer knows words of a-z and 0-9 only, as the original ROUGE does.
    """
    if not _WORDS.tokenize(reference):
        return None
    return float(_SCORER.score(reference, reply)["rougeL"].fmeasure)
