"""The order of rows depends on lengths and seed alone."""

import pytest

from caretune.training.order import Order, order

LENGTHS = [5, 90, 7, 80, 6, 70, 4]


def test_every_row_comes_once_before_any_comes_again():
    """Three passes over seven rows, the last one cut."""
    found = order(LENGTHS, 2, 18, seed=3)
    assert [sorted(found[n : n + 7]) for n in (0, 7)] == [list(range(7))] * 2
    assert len(set(found[14:])) == 4


def test_passes_and_seeds_differ():
    """No pass repeats the one before, and another seed is another order."""
    found = order(LENGTHS, 2, 14, seed=3)
    assert found[:7] != found[7:]
    assert order(LENGTHS, 2, 14, seed=4) != found
    assert order(LENGTHS, 2, 14, seed=3) == found


def test_neighbours_have_about_one_length():
    """Batches of 400 rows hold far less padding than shuffled ones."""
    lengths = [place * 7 % 101 + 1 for place in range(400)]
    found = [lengths[place] for place in order(lengths, 4, 400, seed=1)]
    padded = sum(max(found[n : n + 4]) * 4 for n in range(0, 400, 4))
    assert padded < 1.1 * sum(lengths)


@pytest.mark.parametrize("count", [1, 7, 20])
def test_sampler_is_the_order(count):
    """Its length is that of the whole training, and iterating again gives it again."""
    sampler = Order(LENGTHS, 2, count, seed=3)
    assert len(sampler) == count
    assert list(sampler) == list(sampler) == order(LENGTHS, 2, count, seed=3)


def test_one_row_is_enough():
    """It comes again and again."""
    assert order([12], 4, 5, seed=1) == [0] * 5
