"""The suite: items from a model, columns from items, results from columns."""

import msgspec
import pytest

from caretune.evaluation import suite
from caretune.evaluation.bootstrap import Plan
from caretune.evaluation.result import Item, ReplyCheck
from caretune.model import base
from tests.fixtures.models import dialogues

PLAN = Plan(100, 0.95, 1)
ROWS = dialogues(16)


def item(place, model="base", nll=5.0, said=True):
    """Build the item of one row; every second one has a reply."""
    row = ROWS[place]
    check = ReplyCheck("allow", 0, toxic=False, violation=None, appropriate=True, protocol=False)
    answered = said and place % 2 == 0
    return Item(
        id=row.id,
        family=str(row.family),
        model=model,
        domain=row.domain,
        severity=None,
        nll_sum=nll * 10 + place % 5,
        tokens=10,
        reply="that is long" if answered else None,
        rouge_l=0.1 if answered else None,
        decision=check if answered else None,
    )


def tables(**nll):
    """Columns of one model per keyword, with this NLL."""
    return {
        name: suite.columns([item(n, name, level) for n in range(16)])
        for name, level in nll.items()
    }


def test_selection_does_not_depend_on_the_order(tmp_path):
    """The same rows in another order give the same choice; fewer than asked are all taken."""
    assert suite.select(ROWS, 5, 1) == suite.select(ROWS[::-1], 5, 1)
    assert suite.select(ROWS, 5, 1) != suite.select(ROWS, 5, 2)
    assert sorted(suite.select(ROWS, 99, 1), key=lambda row: row.id) == ROWS


def test_every_row_is_measured_and_the_chosen_ones_answered(tiny_base, chain):
    """One item a row in order; replies, overlap and decisions for those asked for, else null."""
    loaded = base.load(tiny_base)
    items = suite.measure(
        "base",
        loaded.model,
        loaded.tokenizer,
        chain,
        ROWS[:4],
        ROWS[1:3],
        max_new_tokens=4,
        batch_size=2,
    )
    assert [found.id for found in items] == [row.id for row in ROWS[:4]]
    assert [found.reply is not None for found in items] == [False, True, True, False]
    assert [found.decision is not None for found in items] == [False, True, True, False]
    assert all(found.tokens > 0 and found.nll_sum > 0 for found in items)


def test_results_name_every_metric_of_every_model(tmp_path):
    """NLL over all rows, reply metrics over the answered ones."""
    found = suite.results(tables(base=5.0, lora=4.0), PLAN, tmp_path)
    assert set(found) == {"base", "lora"}
    assert found["lora"]["response_nll"].value == pytest.approx(4.0 + 0.1875)
    assert found["base"]["response_nll"].n == 16
    assert found["base"]["rouge_l"].n == 8
    assert found["base"]["reply_blocked_rate"].value == 0.0
    assert found["base"]["crisis_protocol_rate"].value is None


def test_pairs_are_adapters_against_all_others():
    """The base is nobody's candidate; a nat less is a difference of minus one."""
    found = suite.paired(tables(base=5.0, lora=4.0, moe_lora=3.5), PLAN)
    assert set(found) == {
        "lora - base", "lora - moe_lora", "moe_lora - base", "moe_lora - lora",
    }  # fmt: skip
    assert found["lora - base"]["response_nll"].value == pytest.approx(-1.0)
    assert found["moe_lora - lora"]["response_nll"].value == pytest.approx(-0.5)
    assert found["lora - moe_lora"]["response_nll"].value == pytest.approx(0.5)


def test_rouge_counts_the_answered():
    """Not answered does not apply; no reference to compare with is unscored."""
    items = [item(0), item(1), msgspec.structs.replace(item(2), rouge_l=None)]
    table = suite.columns(items)
    assert table["rouge_l"] == [0.1, 0.0, None]
    assert table["answered"] == [1.0, 0.0, 1.0]


def test_the_columns_quote_nobody():
    """`evaluate` prints a column that does not fit: none holds a word that someone said."""
    (table,) = tables(base=5.0).values()
    assert set(table.pop("family")) == {row.family for row in ROWS}
    assert len(table) == 16
    assert all(isinstance(v, int | float | None) for column in table.values() for v in column)
