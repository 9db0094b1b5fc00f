"""Trains the domain classifier of requests: logistic regressions over hashed words.

A conversation is one request at each client message, weighing together as one, since a service must
choose at the first message as well: trained on whole conversations alone, the classifier knew 52 %
of the domains there, trained on every request 66 %, and 83 % at the last one (grouped cross-validation
over the default train rows). Platt's sigmoid is fitted on margins from that
cross-validation, which keeps an authored row and its children in one fold.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped] # scipy ships no types
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # as above

from caretune.errors import ModelError
from caretune.lineage import digest
from caretune.model import domains
from caretune.model.domains import Share, Validation
from caretune.records import Conversation
from caretune.safety import calibration, design, features, rates
from caretune.safety.design import Matrix
from caretune.safety.features import Row
from caretune.safety.heads import Heads

_GENERAL = "general"
"""Expert of the rows whose domain is none of the experts, as in training/rows.py."""
_BITS = 18
_FOLDS = 5
# 1 and 20 give the same accuracy to .01 in the cross-validation above.
_INVERSE_REGULARISATION = 4.0
_CONFIDENCE = 0.95
_DIGITS = 4

Array = NDArray[np.float64]


class Fitted(NamedTuple):
    """A trained classifier, to be written beside an adapter."""

    heads: Heads
    experts: dict[str, str]
    validation: Validation

    def write(self, folder: Path) -> None:
        """Write it into the folder of an adapter."""
        domains.write(folder, self.heads, self.experts, self.validation)


class _Requests(NamedTuple):
    """Every request of every row: values (n, k), and arrays of shape (n,)."""

    values: sparse.csr_matrix
    row: NDArray[np.int64]
    weight: Array
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]


def fit(conversations: Sequence[Conversation], experts: Sequence[str], seed: int) -> Fitted:
    """Train a classifier, on one thread, so that the bytes do not depend on the machine's cores.

    Args:
        conversations: The train rows; those without a domain teach nothing.
        experts: Names of the adapter's experts; a domain without one of its own takes `general`.
        seed: Seed of the folds.

    Raises:
        ModelError: There are no rows, none has a domain, or a domain has no expert and there is none for the rest.
    """
    if not conversations:
        raise ModelError("no rows to train on or to validate with. Run `dvc repro safety-label`.")
    rows = sorted((c for c in conversations if c.domain), key=lambda c: c.id)
    if not rows:
        raise ModelError("no train row has a domain, so no request can be told one. Give domains.")
    truth = np.array([row.domain for row in rows])
    names = tuple(str(name) for name in np.unique(truth))
    table = {name: _expert(name, experts) for name in names}
    authored = [row for row in rows if row.parent is None] or rows
    matrix = design.matrix([domains.row(row.messages, _BITS) for row in authored], _BITS)
    found = _requests(rows, matrix)
    fold = _folds(rows, seed)
    heads = Heads(
        names,
        _BITS,
        matrix.places,
        matrix.idf,
        np.zeros((len(matrix.places) + 1, len(names)), dtype=np.float32),
        np.zeros(len(names), dtype=np.float32),
    )
    held_out = np.zeros((len(found.row), len(names)))
    if len(names) > 1:  # else every request is of the one domain there is
        with threadpool_limits(1):
            for column, name in enumerate(names):
                positive = (truth == name)[found.row]
                margins = _cross_validate(found, positive, fold[found.row])
                slope, shift = _calibrate(margins, positive, found.weight)
                model = _train(found.values, positive, found.weight)
                heads.weights[1:, column] = slope * model.coef_[0]
                heads.offsets[column] = slope * model.intercept_[0] + shift
                held_out[:, column] = slope * margins + shift
    return Fitted(heads, table, _validate(rows, found, held_out, names))


def _expert(domain: str, experts: Sequence[str]) -> str:
    expert = domain if domain in experts else _GENERAL
    if expert not in experts:
        raise ModelError(
            f"domain {domain} has no expert among {', '.join(experts)}, and there is no expert "
            f"{_GENERAL}; mend params.train.moe_lora.experts."
        )
    return expert


def _requests(rows: Sequence[Conversation], matrix: Matrix) -> _Requests:
    """Lay every request out over the places that two authored conversations share."""
    slots = np.zeros(1 << _BITS, dtype=np.int64)
    slots[matrix.places] = np.arange(1, len(matrix.places) + 1)
    values, columns, ends = [], [], [0]
    places: list[tuple[int, float, bool, bool]] = []
    for number, conversation in enumerate(rows):
        asked = domains.requests(conversation.messages)
        for turn, messages in enumerate(asked):
            row = domains.row(messages, _BITS)
            found = slots[row.places]
            known = found > 0
            seen = Row(row.places[known], row.counts[known], row.block[known])
            values.append(features.scale(seen, matrix.idf[found[known]]))
            columns.append(found[known] - 1)
            ends.append(ends[-1] + int(known.sum()))
            places.append((number, 1 / len(asked), turn == 0, turn == len(asked) - 1))
    stacked = sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(columns), ends),
        shape=(len(places), len(matrix.places)),
    )
    stacked.sum_duplicates()
    return _Requests(stacked, *(np.array(column) for column in zip(*places, strict=True)))


def _folds(rows: Sequence[Conversation], seed: int) -> NDArray[np.int64]:
    """Deal whole families to folds, those of a domain in turn; returns each row's fold, (rows,)."""
    domain = {_family(row): str(row.domain) for row in rows}
    order = sorted(domain, key=lambda name: digest.sha256_value([seed, name, "domain fold"]))
    dealt: Counter[str] = Counter()
    fold = {}
    for name in order:
        fold[name] = dealt[domain[name]] % _FOLDS
        dealt[domain[name]] += 1
    return np.array([fold[_family(row)] for row in rows])


def _family(row: Conversation) -> str:
    return row.family or row.id


def _train(
    values: sparse.csr_matrix, positive: NDArray[np.bool_], weight: Array
) -> LogisticRegression:
    # The dual, since places outnumber texts, as in safety/fit.py.
    model = LogisticRegression(
        C=_INVERSE_REGULARISATION,
        class_weight="balanced",
        solver="liblinear",
        dual=True,
        random_state=0,
        max_iter=1000,
    )
    return model.fit(values, positive, weight)


def _cross_validate(
    found: _Requests, positive: NDArray[np.bool_], fold: NDArray[np.int64]
) -> Array:
    """Return every request's margin from a model that saw none of its family.

    Where the other folds hold no request of the domain there is no model, and the margin is 0.
    """
    margins = np.zeros(len(positive))
    for number in range(_FOLDS):
        held, seen = fold == number, fold != number
        if held.any() and positive[seen].any() and not positive[seen].all():
            model = _train(found.values[seen], positive[seen], found.weight[seen])
            margins[held] = model.decision_function(found.values[held])
    return margins


def _calibrate(margins: Array, positive: NDArray[np.bool_], weight: Array) -> tuple[float, float]:
    """Fit slope and shift of Platt's sigmoid on held-out margins."""
    model = LogisticRegression(C=1e6, solver="lbfgs").fit(margins[:, None], positive, weight)
    return float(max(model.coef_[0, 0], 1e-3)), float(model.intercept_[0])


def _validate(
    rows: Sequence[Conversation], found: _Requests, logits: Array, names: Sequence[str]
) -> Validation:
    """Count the authored rows' hits; children would count their parents twice."""
    truth = np.array([row.domain for row in rows])[found.row]
    right = np.array(names)[logits.argmax(1)] == truth
    authored = np.array([row.parent is None for row in rows])[found.row]
    families = np.array([_family(row) for row in rows])[found.row]
    chances = 1 / (1 + np.exp(-logits))
    top = chances.max(1) / chances.sum(1)

    def shares(of: NDArray[np.bool_]) -> dict[str, Share]:
        parts = {name: of & authored & (truth == name) for name in names}
        return {
            name: _share(right[part], families[part])
            for name, part in {"all": of & authored, **parts}.items()
        }

    error = calibration.measure(top[authored].tolist(), right[authored].tolist()).error
    return Validation(shares(found.last), shares(found.first), error or 0.0)


def _share(right: NDArray[np.bool_], families: NDArray[np.str_]) -> Share:
    if not len(right):
        return Share(None, None, None, 0, 0)
    value, size = float(right.mean()), len(np.unique(families))
    ends = rates.wilson(value, size, _CONFIDENCE)
    low, high = min(value, ends[0]), max(value, ends[1])
    return Share(round(value, _DIGITS), round(low, _DIGITS), round(high, _DIGITS), len(right), size)
