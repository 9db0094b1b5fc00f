"""Fits the name tagger: labelled candidates first, then those of messages without labels as well."""

from collections.abc import Sequence
from typing import NamedTuple

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from caretune.safety import pii, tagger
from caretune.safety.names import Lexicon, Named
from caretune.safety.normalise import View
from caretune.safety.rates import Rate, rate
from caretune.safety.tagger import Tagger

_INVERSE_REGULARISATION = 1.0
_BORROWED_WEIGHT = 0.1
_PERHAPS_NAME = 0.2
_LEAST_WEIGHT = 0.01
"""Smaller weights than this change no verdict and are not stored."""


class Message(NamedTuple):
    """The candidates of one message, by their features.

    Attributes:
        candidates: The features of each.
        names: For each candidate, which of the message's names it covers by half (none: -1).
        total: How many names the message has; None where nobody marked them.
    """

    candidates: list[list[str]]
    names: list[int]
    total: int | None


class NameFigures(NamedTuple):
    """What the tagger finds in messages that it was not fitted on; 1.0 = all, and nothing else."""

    recall: Rate
    precision: Rate


def message(
    spans: Sequence[tuple[int, int]] | None, view: View, found: Sequence[Named], lexicon: Lexicon
) -> Message:
    """Describe the candidates of one message.

    Args:
        spans: Where its names stand in the original; None where nobody marked them.
        view: Its plain view.
        found: The candidates.
        lexicon: Words that are hints.
    """
    names = []
    for named in found:
        start, end = view.original(named.start, named.end)
        over = [
            number
            for number, (first, last) in enumerate(spans or ())
            if 2 * (min(end, last) - max(start, first)) >= last - first
        ]
        names.append(over[0] if over else -1)
    features = [tagger.features(named, lexicon) for named in found]
    return Message(features, names, None if spans is None else len(spans))


def fit(messages: Sequence[Message]) -> Tagger:
    """Fit a tagger on messages.

    Candidates of messages whose names nobody marked are nearly all no names: what a first fit
    takes for one is left out, and the rest counts a tenth.
    """
    found, names = [], []
    for item in messages:
        if item.total is not None:
            found += item.candidates
            names += [name >= 0 for name in item.names]
    first = _regress(found, names, [1.0] * len(found))
    borrowed = [
        features
        for item in messages
        if item.total is None
        for features in item.candidates
        if first.chance(features) < _PERHAPS_NAME
    ]
    weights = [1.0] * len(found) + [_BORROWED_WEIGHT] * len(borrowed)
    return _regress([*found, *borrowed], [*names, *(False for _ in borrowed)], weights)


def held_out(messages: Sequence[Message], more: Sequence[Message], folds: int) -> NameFigures:
    """Return recall and precision on marked messages, each judged by a tagger that never saw it.

    Every fold-th marked message is left out of one fit. A name without a candidate counts as missed.

    Args:
        messages: The messages; those that nobody marked only teach.
        more: Messages that teach in every fold.
        folds: How many fits.
    """
    marked = [item for item in messages if item.total is not None]
    others = [*more, *(item for item in messages if item.total is None)]
    found: list[bool] = []
    right: list[bool] = []
    for fold in range(folds):
        rest = [item for number, item in enumerate(marked) if number % folds != fold]
        judge = fit([*rest, *others])
        for item in marked[fold::folds]:
            said = [
                name
                for features, name in zip(item.candidates, item.names, strict=True)
                if judge.chance(features) >= pii.MIN_NAME_CHANCE
            ]
            found += [name in said for name in range(item.total or 0)]
            right += [name >= 0 for name in said]
    return NameFigures(rate(found), rate(right))


def _regress(found: Sequence[list[str]], names: Sequence[bool], weights: Sequence[float]) -> Tagger:
    vectorizer = DictVectorizer()
    rows = vectorizer.fit_transform([dict.fromkeys(item, 1.0) for item in found])
    model = LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=1000)
    model.fit(rows, names, sample_weight=weights)
    fitted = zip(vectorizer.get_feature_names_out(), model.coef_[0].tolist(), strict=True)
    return Tagger(
        {str(name): round(weight, 4) for name, weight in fitted if abs(weight) >= _LEAST_WEIGHT},
        round(float(model.intercept_[0]), 4),
    )
