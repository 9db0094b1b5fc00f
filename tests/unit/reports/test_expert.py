"""The expert set: wanted, found, and how even."""

from caretune.reports import expert
from tests.fixtures import data_figures


def found(**changes):
    """Build the account of a set, changed in what was found."""
    account = data_figures.expert()
    return account | {"found": account["found"] | changes}


def test_small_set_is_told_with_the_reason():
    """Fewer than wanted is not a fault, and not hidden."""
    drawn = expert.outcome(found()).html
    assert ">Fewer than wanted<" in drawn
    assert "<p>9 of 10 examples: too few families.</p>" in drawn
    assert "from 5 validation families" in drawn


def test_full_set_needs_no_reason():
    """As many as wanted."""
    drawn = expert.outcome(found(examples=10) | {"why": None}).html
    assert ">As many as wanted<" in drawn
    assert "<p>" not in drawn


def test_share_of_crisis_stands_against_its_band():
    """Inside passes, outside fails, of no examples there is no share."""
    assert ">In the band<" in expert.outcome(found()).html
    assert "wanted 8.0" in expert.outcome(found()).html
    outside = expert.outcome(found(crisis_rate=0.5, crisis_rate_in_band=False)).html
    assert ">Outside the band<" in outside
    empty = expert.outcome(found(crisis_rate=None, crisis_rate_in_band=False)).html
    assert ">No examples<" in empty
    assert empty.count('<svg class="strip"') == 1


def test_balance_counts_themes_and_difficulties():
    """One theme has seven examples, another two without a difficulty."""
    drawn = expert.balance(found()).html
    assert "2 themes, by how many examples they have" in drawn
    assert "<span>7 examples</span>" in drawn
    assert "<span>not told</span>" in drawn
    assert "<summary>All themes</summary>" in drawn


def test_single_example_is_singular():
    """One theme with one example."""
    assert "<span>1 example</span>" in expert.balance(found(scenarios={"grief": 1})).html
