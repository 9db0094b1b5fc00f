"""Augmentation on the page."""

from caretune.reports import augmentation
from tests.fixtures import data_figures


def test_ratio_is_reached_or_not():
    """The wanted ratio itself is reached."""
    augment = data_figures.augment()
    assert ">Not reached<" in augmentation.ratio(augment).html
    assert ">Reached<" in augmentation.ratio(augment | {"ratio": 3.43}).html


def test_ratio_of_no_train_rows_is_not_measured():
    """Null draws no dot."""
    drawn = augmentation.ratio(data_figures.augment() | {"ratio": None}).html
    assert "not measured of 3.430 wanted" in drawn
    assert '<svg class="strip"' not in drawn


def test_strategy_names_what_became_of_its_attempts():
    """Tried = children + named exits; an exit that it did not take is left out."""
    augment = data_figures.augment() | {"exits": {"near_parent": 1, "severity_lost": 2}}
    drawn = augmentation.strategies(augment).html
    assert "7 tried → 6 children" in drawn
    assert "1 left: severity lost" in drawn
    assert "near parent" not in drawn


def test_strategy_without_kinds_has_no_mix():
    """Only strategies that mix are drawn."""
    augment = data_figures.augment()
    augment["strategies"]["paraphrase"] = augment["strategies"]["paraphrase"] | {"kinds": {}}
    drawn = augmentation.kinds(augment).html
    assert "Crisis scenarios" in drawn
    assert "Paraphrase" not in drawn


def test_variety_stands_beside_that_of_train_rows():
    """Distinct n-grams of train rows come first; how many were sampled stands with each strategy."""
    drawn = augmentation.variety(data_figures.augment()).html
    assert drawn.index("train rows") < drawn.index("paraphrase")
    assert "60.0\N{NO-BREAK SPACE}%" in drawn
    assert '<td class="figure">6</td>' in drawn


def test_nearness_is_told_by_strategy_and_in_all():
    """The share of children that say nothing new, and the counterfactual pairs."""
    drawn = augmentation.nearness(data_figures.augment()).html
    assert drawn.count("8.3\N{NO-BREAK SPACE}%") == 3
    assert "<td>all</td>" in drawn


def test_agreement_is_a_bar_with_its_counts():
    """Half of the labels are the same, the others one step graver."""
    drawn = augmentation.agreement(data_figures.augment()).html
    assert "50.0\N{NO-BREAK SPACE}% the same<small>n = 8, 1 unscored</small>" in drawn
    assert "background:var(--lora)" in drawn


def test_agreement_of_nothing_is_not_measured():
    """The filters scored no pair."""
    drawn = augmentation.agreement(data_figures.augment() | {"labels": data_figures.labels(0)}).html
    assert "<td>not measured</td>" in drawn
