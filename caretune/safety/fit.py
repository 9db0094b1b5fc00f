"""Training of the heads: the only module that knows scikit-learn; nothing of it is stored.

Logistic regressions over the hashed features, in cross-validation grouped by likeness (near-twins
and replies to one situation stay together), which gives the calibration and the thresholds; then
once more over everything. The bundle holds plain arrays.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped] # scipy ships no types
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # as above

from caretune.safety import design, grouping
from caretune.safety.examples import HEADS, Example
from caretune.safety.features import Row
from caretune.safety.heads import Heads

# A text of which no word was ever seen must pass, and one short word more must not change that.
_ABOVE_SILENCE = 0.04

Array = NDArray[np.float64]


class HeadMetrics(NamedTuple):
    """One head in grouped cross-validation, at its threshold; recall 1.0 = every positive found.

    recall and auc count the head's own task only; `ordinary_false_alarm_rate` the borrowed
    negatives of other tasks (None where it has none).
    """

    n: int
    positives: int
    recall: float
    false_alarm_rate: float
    ordinary_n: int
    ordinary_false_alarm_rate: float | None
    threshold: float
    auc: float


class Fitted(NamedTuple):
    """Heads, thresholds, metrics, and each example's held-out scores (NaN where it has no fold)."""

    heads: Heads
    thresholds: dict[str, float]
    metrics: dict[str, HeadMetrics]
    held_out: NDArray[np.float64]


class _Target(NamedTuple):
    """Which examples teach a head, and what; both (n,) bool."""

    taught: NDArray[np.bool_]
    truth: NDArray[np.bool_]


class _FittedHead(NamedTuple):
    """weights (k,), and every example's held-out probability (n,)."""

    weights: Array
    offset: float
    held_out: Array


def fit(
    rows: Sequence[Row],
    examples: Sequence[Example],
    bits: int,
    folds: int,
    inverse_regularisation: float,
    false_alarm_rates: Mapping[str, float],
    seed: int,
) -> Fitted:
    """Train every head, on one thread, so that the bytes do not depend on the machine's cores.

    Args:
        rows: Feature row of each example.
        examples: The examples.
        bits: Size of the hashed space, as a power of two.
        folds: Folds of the grouped cross-validation.
        inverse_regularisation: C of the logistic regression.
        false_alarm_rates: Head -> share of its own task's negatives that may pass its threshold.
        seed: Seed of the fold shuffle.
    """
    matrix = design.matrix(rows, bits)
    together = grouping.groups(matrix, rows, [example.group for example in examples])
    fold = grouping.folds(together, folds, seed)
    heads = Heads(
        HEADS,
        bits,
        matrix.places,
        matrix.idf,
        np.zeros((len(matrix.places) + 1, len(HEADS)), dtype=np.float32),
        np.zeros(len(HEADS), dtype=np.float32),
    )
    fitted = Fitted(heads, {}, {}, np.full((len(rows), len(HEADS)), np.nan))
    with threadpool_limits(1):
        for column, head in enumerate(HEADS):
            target = _target(head, examples)
            one = _fit_head(matrix.values, target, fold, inverse_regularisation)
            heads.weights[1:, column] = one.weights
            heads.offsets[column] = one.offset
            fitted.held_out[:, column] = one.held_out
            own = np.array([_is_own(head, example) for example in examples])
            threshold = _threshold(one, target, own, false_alarm_rates[head])
            fitted.thresholds[head] = threshold
            fitted.metrics[head] = _measure(one.held_out, target, own, threshold)
    return fitted


def _target(head: str, examples: Sequence[Example]) -> _Target:
    return _Target(
        np.array([head in example.labels for example in examples]),
        np.array([example.labels.get(head, False) for example in examples]),
    )


def _fit_head(
    values: sparse.csr_matrix, target: _Target, fold: NDArray[np.int64], c: float
) -> _FittedHead:
    """Train one head and fold its calibration into its weights."""
    taught, truth = target
    margins = _cross_validate(values, target, fold, c)
    slope, shift = _calibrate(margins[taught], truth[taught])
    model = _train(values[taught], truth[taught], c)
    return _FittedHead(
        weights=slope * model.coef_[0],
        offset=float(slope * model.intercept_[0] + shift),
        held_out=1 / (1 + np.exp(-(slope * margins + shift))),
    )


def _threshold(
    one: _FittedHead, target: _Target, own: NDArray[np.bool_], false_alarm_rate: float
) -> float:
    """Return the probability that this share of the own task's negatives reaches.

    It stays above that of no words at all.
    """
    negatives = one.held_out[target.taught & ~target.truth & own]
    least = 1 / (1 + np.exp(-one.offset)) + _ABOVE_SILENCE
    rate = np.quantile(negatives, 1 - false_alarm_rate, method="higher")
    return round(float(max(rate, least)), 6)


def _train(values: sparse.csr_matrix, truth: NDArray[np.bool_], c: float) -> LogisticRegression:
    # The dual, since places outnumber texts: the same scores to 3e-4 in a third of the time.
    model = LogisticRegression(
        C=c, class_weight="balanced", solver="liblinear", dual=True, random_state=0
    )
    return model.fit(values, truth)


def _cross_validate(
    values: sparse.csr_matrix, target: _Target, fold: NDArray[np.int64], c: float
) -> Array:
    """Return every example's margin from a model that saw neither it nor its like."""
    taught, truth = target
    margins = np.zeros(len(truth))
    for number in np.unique(fold):
        seen = taught & (fold != number)
        held = fold == number
        margins[held] = _train(values[seen], truth[seen], c).decision_function(values[held])
    return margins


def _calibrate(margins: Array, truth: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit slope and shift of Platt's sigmoid on held-out margins."""
    model = LogisticRegression(C=1e6, solver="lbfgs").fit(margins[:, None], truth)
    return float(max(model.coef_[0, 0], 1e-3)), float(model.intercept_[0])


def _is_own(head: str, example: Example) -> bool:
    """Tell whether a head belongs to an example's own task."""
    kind = head.partition("/")[0]
    task = {"severity": "crisis", "type": "crisis", "toxic": "toxicity", "bias_level": "bias"}
    task |= {"inappropriate": "therapeutic", "violation": "therapeutic"}
    return example.task == task.get(kind, kind)


def _measure(
    chances: Array, target: _Target, own: NDArray[np.bool_], threshold: float
) -> HeadMetrics:
    taught, truth = target
    flagged, own, borrowed = chances >= threshold, taught & own, taught & ~own & ~truth
    ordinary = float(flagged[borrowed].mean()) if borrowed.any() else None
    return HeadMetrics(
        n=int(own.sum()),
        positives=int(truth[own].sum()),
        recall=round(float(flagged[own & truth].mean()), 4),
        false_alarm_rate=round(float(flagged[own & ~truth].mean()), 4),
        ordinary_n=int(borrowed.sum()),
        ordinary_false_alarm_rate=None if ordinary is None else round(ordinary, 4),
        threshold=threshold,
        auc=round(float(roc_auc_score(truth[own], chances[own])), 4),
    )
