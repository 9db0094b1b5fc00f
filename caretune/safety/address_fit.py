"""Fits the address tagger: a logistic regression over the words near cues, by what stands around each.

Every text with an address also teaches in the dress that chats lack: in lower case, its parts on lines
of their own or without commas, the address alone.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse  # type: ignore[import-untyped] # scipy ships no types
from sklearn.linear_model import LogisticRegression

from caretune.safety import addresses, normalise, pii
from caretune.safety.addresses import REACH, AddressTagger, Part
from caretune.safety.marks import Text
from caretune.safety.names import Lexicon
from caretune.safety.normalise import View
from caretune.safety.rates import Rate, rate

_INVERSE_REGULARISATION = 0.3
_MARKED, _DRESSED, _UNMARKED = 1.0, 0.3, 0.3
"""Weights of a marked text, of one in another dress, of one in which nobody marked addresses."""
_LEAST_WEIGHT = 0.02
"""Smaller weights than this change no verdict and are not stored."""

Spans = Sequence[tuple[int, int]]


class AddressFigures(NamedTuple):
    """What the tagger finds in messages that it was not fitted on; 1.0 = all, and nothing else."""

    recall: Rate
    precision: Rate


class _Rows(NamedTuple):
    """The words of some texts: features of each, whether an address's, and weights."""

    features: list[list[tuple[str, int]]]
    truth: list[bool]
    weights: list[float]


def fit(texts: Sequence[Text], lexicon: Lexicon) -> AddressTagger:
    """Fit a tagger on texts; equal texts give an equal tagger."""
    return _regress([_rows(text, lexicon) for text in texts])


def held_out(
    texts: Sequence[Text], more: Sequence[Text], lexicon: Lexicon, folds: int
) -> AddressFigures:
    """Return recall and precision on texts, each judged by a tagger that never saw it.

    Every fold-th marked text is left out of one fit. A find counts when it covers half of an address.

    Args:
        texts: The texts; those that nobody marked only teach.
        more: Texts that teach in every fold.
        lexicon: Words that are hints.
        folds: How many fits.
    """
    marked = [text for text in texts if text.spans is not None]
    shared = [_rows(text, lexicon) for text in (*more, *(t for t in texts if t.spans is None))]
    rows = [_rows(text, lexicon) for text in marked]
    found: list[bool] = []
    right: list[bool] = []
    for fold in range(folds):
        rest = [item for number, item in enumerate(rows) if number % folds != fold]
        tagger = _regress([*rest, *shared])
        for text in marked[fold::folds]:
            said, wanted = _said(text.text, lexicon, tagger), text.spans or ()
            found += [any(_covers(span, truth) for span in said) for truth in wanted]
            right += [any(_covers(span, truth) for truth in wanted) for span in said]
    return AddressFigures(rate(found), rate(right))


def _said(text: str, lexicon: Lexicon, tagger: AddressTagger) -> list[tuple[int, int]]:
    view = _view(text)
    return [
        view.original(found.start, found.end)
        for found in addresses.find(view.text, lexicon, tagger)
        if found.chance >= addresses.SURE
    ]


def _view(text: str) -> View:
    return pii.lined(text, normalise.normalise(text).plain)


def _covers(span: tuple[int, int], truth: tuple[int, int]) -> bool:
    return 2 * (min(span[1], truth[1]) - max(span[0], truth[0])) >= truth[1] - truth[0]


def _rows(text: Text, lexicon: Lexicon) -> _Rows:
    rows = _Rows([], [], [])
    plain = _UNMARKED if text.spans is None else _MARKED
    _add(rows, text.text, text.spans or (), plain, lexicon)
    for dressed, spans in _dressed(text.text, text.spans or ()):
        _add(rows, dressed, spans, _DRESSED, lexicon)
    return rows


def _add(rows: _Rows, text: str, spans: Spans, weight: float, lexicon: Lexicon) -> None:
    view = _view(text)
    for part in addresses.parts(view.text, lexicon):
        features = _features(part)
        for place in part.inner:
            start, end = view.original(part.tokens[place].start, part.tokens[place].end)
            rows.features.append(features[place])
            rows.truth.append(any(first <= start and end <= last for first, last in spans))
            rows.weights.append(weight)


def _features(part: Part) -> list[list[tuple[str, int]]]:
    """Return for each word the classes around it with their steps, as `AddressTagger.odds` adds them."""
    features: list[list[tuple[str, int]]] = [[] for _ in part.tokens]
    for place, names in enumerate(part.classes):
        for step in range(2 * REACH + 1):
            if 0 <= place + step - REACH < len(features):
                features[place + step - REACH] += [(name, step) for name in names]
    return features


def _dressed(text: str, spans: Spans) -> Iterator[tuple[str, Spans]]:
    """Yield a text with addresses in other dresses."""
    if not spans:
        return
    if len(text.lower()) == len(text):
        yield text.lower(), spans
    for between, around in (("\n", "\n"), ("\n ", "\n"), (" ", "")):
        pieces, moved, position, length = [], [], 0, 0
        for start, end in spans:
            before = text[position:start] + around
            address = text[start:end].replace(", ", between)
            moved.append((length + len(before), length + len(before) + len(address)))
            pieces += [before, address, around]
            length, position = moved[-1][1] + len(around), end
        yield "".join([*pieces, text[position:]]), moved
    for start, end in spans:
        yield text[start:end], [(0, end - start)]


def _regress(parts: Sequence[_Rows]) -> AddressTagger:
    columns: dict[tuple[str, int], int] = {}
    places: list[int] = []
    ends = [0]
    for part in parts:
        for features in part.features:
            places += [columns.setdefault(feature, len(columns)) for feature in features]
            ends.append(len(places))
    shape = (len(ends) - 1, len(columns))
    matrix = sparse.csr_matrix((np.ones(len(places)), places, ends), shape=shape)
    model = LogisticRegression(C=_INVERSE_REGULARISATION, solver="liblinear")
    truth = [said for part in parts for said in part.truth]
    model.fit(matrix, truth, sample_weight=[w for part in parts for w in part.weights])
    weights: dict[str, list[float]] = {}
    for (name, step), weight in zip(columns, model.coef_[0].tolist(), strict=True):
        if abs(weight) >= _LEAST_WEIGHT:
            weights.setdefault(name, [0.0] * (2 * REACH + 1))[step] = round(weight, 3)
    return AddressTagger(dict(sorted(weights.items())), round(float(model.intercept_[0]), 3))
