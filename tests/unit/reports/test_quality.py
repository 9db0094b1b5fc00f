"""Quality before and after the door."""

from caretune.reports import quality
from tests.fixtures import data_figures


def test_histogram_is_of_all_sources_with_what_left_on_top():
    """The fullest bin has eight rows; in the second one the only row left."""
    drawn = quality.scores(data_figures.quality()).html
    assert 'style="height:12.50%"></i><i style="height:0.00%"' in drawn
    assert 'style="height:0.00%"></i><i style="height:100.00%"' in drawn
    assert "n = 11 → 10" in drawn
    assert "nothing is said twice; 0 = a loop" in drawn


def test_score_that_no_row_has_is_not_measured():
    """Unscored is not zero: no bar, and the mean in words."""
    drawn = quality.scores(data_figures.quality()).html
    assert "Coherence: not measured → not measured" in drawn


def test_unknown_score_stands_without_a_meaning():
    """A score that a source measures itself is drawn too."""
    found = data_figures.quality()
    found["concepts"]["scores"]["crispness"] = found["concepts"]["scores"]["variety"]
    assert "<b>Crispness: 0.400 → 0.400</b><span>1 = best; n = 2 → 2" in quality.scores(found).html


def test_low_means_are_tinted_and_missing_ones_are_a_dash():
    """A source without a score has a dash, as one of which no row could be scored."""
    drawn = quality.by_source(data_figures.quality()).html
    assert "var(--open) 42%" in drawn  # 70 % of 1 - 0.4
    assert "0.40<small>from 0.40</small>" in drawn
    assert drawn.count("\N{EN DASH}</td>") == 2


def test_mean_of_which_no_row_is_left_is_told():
    """Every scored row left."""
    found = data_figures.quality()
    found["concepts"]["scores"]["variety"]["after"] = {"n": 0, "mean": None, "histogram": [0] * 10}
    assert "none left<small>from 0.40</small>" in quality.by_source(found).html


def test_exits_count_spared_rows_apart():
    """A row that speaks of a crisis stays."""
    drawn = quality.exits(data_figures.quality()).html
    assert "0<small>1 spared</small>" in drawn
    assert "1<small>1 spared</small>" in drawn  # of all sources
    assert '<td class="figure"></td>' in drawn  # nothing to tell of a source


def test_no_exits_are_said_in_words():
    """Nobody left and nobody was spared."""
    found = {"dialogues": data_figures.quality()["dialogues"] | {"exits": {}, "spared": {}}}
    assert quality.exits(found).html == "<p>No row left for its quality.</p>"
