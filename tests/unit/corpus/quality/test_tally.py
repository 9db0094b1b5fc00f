"""The figures before and after, whatever the order and the number of workers."""

import pickle
import random

import pytest

from caretune import records
from caretune.corpus.quality.assessment import Assessment
from caretune.corpus.quality.tally import Tally

ROWS = [
    ("a", Assessment({"fit": 0.123, "variety": 1.0}, "", "")),
    ("a", Assessment({"fit": 0.0, "variety": 0.999}, "not_therapeutic", "fit 0.000 is below 0.1")),
    ("a", Assessment({"variety": 0.5}, "", "kept", "too_short")),
    ("b", Assessment({}, "too_long", "long")),
]


def counted(rows):
    """Return a tally of rows."""
    tally = Tally()
    for source, assessment in rows:
        tally.add(source, assessment)
    return tally


def test_the_figures_of_a_source():
    """Rows, exits and spared rows, mean and histogram before and after; unscored rows are not in n."""
    found = counted(ROWS).figures()
    assert found["a"]["rows"] == {"before": 3, "after": 2}
    assert found["a"]["exits"] == {"not_therapeutic": 1}
    assert found["a"]["spared"] == {"too_short": 1}
    assert found["a"]["scores"]["fit"] == {
        "before": {"n": 2, "mean": 0.0615, "histogram": [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]},
        "after": {"n": 1, "mean": 0.123, "histogram": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]},
    }
    assert found["a"]["scores"]["variety"]["before"]["histogram"] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert found["b"] == {
        "rows": {"before": 1, "after": 0},
        "exits": {"too_long": 1},
        "spared": {},
        "scores": {},
    }


def test_rows_read_are_rows_kept_and_exits():
    """Nothing is lost in the figures."""
    for one in counted(ROWS).figures().values():
        assert one["rows"]["before"] == one["rows"]["after"] + sum(one["exits"].values())


def test_a_score_of_which_nothing_is_left_has_no_mean():
    """The mean of no row is null, not 0."""
    assert counted(ROWS[1:2]).figures()["a"]["scores"]["fit"]["after"]["mean"] is None


@pytest.mark.parametrize("seed", range(5))
def test_neither_order_nor_workers_change_the_bytes(seed):
    """Rows in any order, over any number of tallies that crossed processes, merged in any order."""
    rows = [
        (
            f"s{number % 3}",
            Assessment(
                {"fit": round(number * 0.0137 % 1, 3)}, "repetitive" * (number % 4 == 0), ""
            ),
        )
        for number in range(500)
    ]
    generator = random.Random(seed)
    generator.shuffle(rows)
    workers = [counted(rows[start::7]) for start in range(7)]
    generator.shuffle(workers)
    merged = Tally()
    for worker in workers:
        merged.merge(pickle.loads(pickle.dumps(worker)))
    expected = counted(sorted(rows, key=repr))
    assert records.pretty(merged.figures()) == records.pretty(expected.figures())


def test_a_row_that_leaves_later_is_taken_back():
    """A duplicate is in the figures before and no longer in those after."""
    tally = counted([ROWS[0], ROWS[0]])
    tally.drop("a", ROWS[0][1].scores)
    found = tally.figures()["a"]
    assert found["rows"] == {"before": 2, "after": 1}
    assert (
        found["scores"]["fit"]["after"]
        == counted(ROWS[:1]).figures()["a"]["scores"]["fit"]["after"]
    )


def test_an_empty_tally_has_no_figures():
    """No source, no figures."""
    assert Tally().figures() == {}
