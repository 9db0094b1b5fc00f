"""distinct-n: whether a model says many things or one thing to everybody."""

import re
from collections import Counter
from collections.abc import Sequence

from caretune.evaluation.metric import Definition

_WORD = re.compile(r"\w+")


def distinct(n: int) -> Definition:
    """Define distinct n-grams over all n-grams of the replies (Li et al. 2016, NAACL, section 4.2).

    1 = no n-gram ever comes twice, near 0 = the same few everywhere.
    """
    return Definition(
        name=f"distinct_{n}",
        unit=f"distinct {n}-grams per {n}-gram",
        direction="higher",
        numerator=f"distinct_{n}",
        denominator=f"grams_{n}",
        description=f"Distinct {n}-grams over all {n}-grams of the generated replies.",
    )


def columns(replies: Sequence[str | None], n: int) -> dict[str, list[float | None]]:
    """Share the distinct n-grams among the replies; a reply under n words is unscored.

    Each occurrence of an n-gram that comes c times counts 1/c, which sums to the distinct ones;
    the interval holds these counts fixed, so that a resampled family is no repetition.

    Args:
        replies: One an item; None = not asked for one, so that the metric does not apply.
        n: Words of an n-gram.
    """
    said = [None if reply is None else _grams(reply, n) for reply in replies]
    counts = Counter(gram for grams in said if grams for gram in grams)
    return {
        f"distinct_{n}": [
            0.0 if grams is None else sum(1 / counts[gram] for gram in grams) or None
            for grams in said
        ],
        f"grams_{n}": [float(len(grams or ())) for grams in said],
    }


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return list(zip(*(words[start:] for start in range(n)), strict=False))
