"""Metrics as modules of `evaluate`: combined, offline, with what was not scored counted apart."""

import evaluate
import numpy as np
import pytest

from caretune.evaluation import suite
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.likelihood import PERPLEXITY, RESPONSE_NLL
from caretune.evaluation.metric import Definition, RatioMetric, result
from caretune.evaluation.result import Result

PLAN = Plan(resamples=100, confidence=0.9, seed=1)
FAMILIES = [f"f{n // 2}" for n in range(30)]


MEAN = Definition("mean", "points", "higher", "score", "weight", "", version=3)
"""The mean of `score`; `weight` 0 does not apply, a null score is unscored."""


def table(**changes):
    """Thirty items of fifteen families."""
    columns = {"score": [float(n) for n in range(30)], "weight": [1] * 30}
    return {"family": FAMILIES, **columns, **changes}


@pytest.fixture
def mean(tmp_path):
    """The metric, with its cache in the test's folder."""
    return RatioMetric(MEAN, tmp_path)


def test_a_metric_computes_a_whole_result(mean):
    """Name, version, unit, direction, interval, n and families come with the value."""
    found = mean.compute(**table(), plan=PLAN)["mean"]
    assert isinstance(found, Result)
    assert (found.name, found.version, found.unit, found.direction) == (
        "mean",
        3,
        "points",
        "higher",
    )
    assert (found.value, found.n, found.unscored, found.families) == (7.25 * 2, 30, 0, 15)
    assert found.low < found.value < found.high
    assert found.confidence == 0.9


def test_what_is_unscored_is_counted_and_is_not_zero(mean):
    """A null score leaves the value alone and stands in `unscored`."""
    scores = [None if n < 4 else 10.0 for n in range(30)]
    found = mean.compute(**table(score=scores), plan=PLAN)["mean"]
    assert (found.value, found.n, found.unscored, found.families) == (10.0, 26, 4, 13)


def test_what_does_not_apply_is_not_counted(mean):
    """An item with weight 0 is neither scored nor unscored."""
    weights = [0] * 10 + [1] * 20
    found = mean.compute(**table(score=[0.0] * 10 + [5.0] * 20, weight=weights), plan=PLAN)["mean"]
    assert (found.value, found.n, found.unscored) == (5.0, 20, 0)


def test_nothing_scored_has_no_value(mean):
    """Not one item: the value is null, never 0."""
    found = mean.compute(**table(score=[None] * 30), plan=PLAN)["mean"]
    assert (found.value, found.low, found.high, found.n, found.unscored) == (
        None,
        None,
        None,
        0,
        30,
    )


def test_a_comparison_takes_items_that_both_have_scored():
    """An item that one model has no score for is unscored in the difference."""
    better = table(score=[None, *(float(n) + 1 + n % 3 for n in range(1, 30))])
    found = result(MEAN, [better, table()], PLAN)
    assert (found.n, found.unscored) == (29, 1)
    assert found.value == pytest.approx(2.0, abs=0.1)
    assert found.low > 1.0


def test_metrics_combine_and_each_takes_its_columns(tmp_path):
    """`evaluate.combine` gives one table to all metrics; other columns do not disturb."""
    combined = evaluate.combine(
        [RatioMetric(definition, tmp_path) for definition in (RESPONSE_NLL, PERPLEXITY, MEAN)]
    )
    found = combined.compute(
        **table(nll_sum=[float(10 + n % 3) for n in range(30)], tokens=[5] * 30), plan=PLAN
    )
    assert set(found) == {"response_nll", "perplexity", "mean"}
    assert found["perplexity"].value == pytest.approx(np.exp(found["response_nll"].value))
    assert found["perplexity"].low == pytest.approx(np.exp(found["response_nll"].low))
    assert found["perplexity"].high == pytest.approx(np.exp(found["response_nll"].high))


def test_a_combined_value_equals_the_metric_alone(tmp_path, mean):
    """Combining adds nothing and takes nothing away."""
    alone = mean.compute(**table(), plan=PLAN)
    assert evaluate.combine([RatioMetric(MEAN, tmp_path)]).compute(**table(), plan=PLAN) == alone


def test_metrics_write_below_their_cache_alone(tmp_path, monkeypatch):
    """Nothing goes to the home folder, and no table is left behind in the cache."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    cache = tmp_path / "cache"
    for definition in suite.METRICS:
        assert str(cache) in RatioMetric(definition, cache).data_dir
    RatioMetric(MEAN, cache).compute(**table(), plan=PLAN)
    assert list(home.iterdir()) == []
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_every_metric_says_what_it_is():
    """Names are unique; each has a version, a unit, a direction and a sentence."""
    assert len({d.name for d in suite.METRICS}) == len(suite.METRICS) == 11
    for d in suite.METRICS:
        assert d.version >= 1
        assert d.unit
        assert d.direction in ("lower", "higher")
        assert d.description.endswith(".")
        assert d.share == d.name.endswith("_rate")
