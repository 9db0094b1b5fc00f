"""What a sweep may try, and the points of a grid."""

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from caretune.training.sweep import space
from caretune.training.sweep.space import Range

RATE = Range(1e-3, 1e-1, log=True, points=3)
WHOLE = Range(1, 4, log=False, points=9)


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        pytest.param(RATE, FloatDistribution(1e-3, 1e-1, log=True), id="float"),
        pytest.param(WHOLE, IntDistribution(1, 4), id="int"),
        pytest.param([1, 2], CategoricalDistribution([1, 2]), id="choices"),
    ],
)
def test_a_domain_becomes_what_optuna_draws_from(domain, kind):
    """Whole ends give whole numbers, a list is a choice."""
    assert space.distribution(domain) == kind


def test_a_log_range_is_cut_in_equal_ratios():
    """Both ends and the middle by magnitude."""
    assert space.values(RATE) == [1e-3, 1e-2, 1e-1]


def test_a_plain_range_is_cut_in_equal_steps():
    """Both ends and the middle."""
    assert space.values(Range(0.0, 1.0, log=False, points=3)) == [0.0, 0.5, 1.0]


def test_whole_numbers_come_once():
    """Nine points in four numbers are four."""
    assert space.values(WHOLE) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("domain", "value", "held"),
    [
        pytest.param(RATE, 1e-3, True, id="end"),
        pytest.param(RATE, 0.2, False, id="above"),
        pytest.param(WHOLE, 1.5, False, id="half"),
        pytest.param(WHOLE, True, False, id="bool in numbers"),
        pytest.param([1, 2], True, False, id="true is not 1"),
        pytest.param(["a"], "a", True, id="word"),
        pytest.param(["a"], "b", False, id="other word"),
    ],
)
def test_what_a_domain_holds(domain, value, held):
    """Types count: 1 is no `true`."""
    assert space.holds(domain, value) is held


def test_a_grid_has_every_point_once():
    """Three by two."""
    points = space.grid({"rate": RATE, "k": [1, 2]}, seed=1)
    assert len(points) == 6
    assert {tuple(sorted(point.items())) for point in points} == {
        (("k", k), ("rate", rate)) for k in (1, 2) for rate in (1e-3, 1e-2, 1e-1)
    }


def test_the_order_of_a_grid_is_the_seeds_alone():
    """Not that of the names; another seed gives another."""
    first = space.grid({"rate": RATE, "k": [1, 2]}, seed=1)
    assert first == space.grid({"k": [1, 2], "rate": RATE}, seed=1)
    assert first != space.grid({"rate": RATE, "k": [1, 2]}, seed=2)
