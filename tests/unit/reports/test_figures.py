"""Curves are inlined SVG with equal bytes and no reference outside."""

import pytest

from caretune.reports import figures


@pytest.fixture(scope="module")
def drawn():
    """Two curves whose ends lie close together."""
    series = {"lora": [(1, 2.0), (9, 1.0)], "moe_lora": [(1, 2.1), (9, 1.001)]}
    return figures.curves("Loss <of both>", "nats", series).html


def test_equal_data_give_equal_bytes(drawn):
    """Ids inside the SVG come from its title, not from chance."""
    series = {"lora": [(1, 2.0), (9, 1.0)], "moe_lora": [(1, 2.1), (9, 1.001)]}
    assert figures.curves("Loss <of both>", "nats", series).html == drawn


def test_figure_refers_to_nothing_outside(drawn):
    """Neither namespaces nor metadata bring an address into the page."""
    assert "http" not in drawn
    assert "<metadata" not in drawn
    assert "<?xml" not in drawn


def test_figure_follows_the_theme_of_the_page(drawn):
    """Colours are the page's variables, with the light value for other viewers."""
    assert "var(--moe_lora, #6741d9)" in drawn
    assert "var(--line, " in drawn


def test_single_values_lie_pale_beneath_their_means():
    """Means lie on one another: the second is dashed, so that the first is seen between."""
    means = {"lora": [(2, 1.5), (3, 1.4)], "moe_lora": [(2, 1.5), (3, 1.4)]}
    single = {"lora": [(1, 2.0), (3, 1.0)], "moe_lora": [(1, 2.0), (3, 1.0)]}
    drawn = figures.curves("Loss", "nats", means, single).html
    assert drawn == figures.curves("Loss", "nats", means, single).html
    assert drawn.count("stroke-opacity: 0.3") == 2
    assert drawn.count("stroke-dasharray") == 1
    plain = figures.curves("Loss", "nats", means).html
    assert "stroke-opacity" not in plain
    assert "stroke-dasharray" not in plain


def test_title_is_escaped(drawn):
    """A title is text."""
    assert "<b>Loss &lt;of both&gt;</b>" in drawn
    assert 'aria-label="Loss &lt;of both&gt;: nats"' in drawn


def test_labels_of_close_ends_are_moved_apart(drawn):
    """Both names can be read although the curves end at the same height."""
    assert drawn.count(">LoRA<") == 1
    assert drawn.count(">MoE-LoRA<") == 1


def test_reliability_has_equal_bytes_and_follows_the_theme():
    """Dots, their intervals and the diagonal, in the page's colours."""
    seen = {"value": 0.75, "low": 0.4, "high": 0.9, "n": 8}
    bins = [{"score": 0.2, "positive": seen | {"n": 40}}, {"score": 0.7, "positive": seen}]
    drawn = figures.reliability("Any risk", "off by 5 points", bins).html
    assert drawn == figures.reliability("Any risk", "off by 5 points", bins).html
    assert "<b>Any risk</b>" in drawn
    assert "var(--accent, " in drawn
    assert "http" not in drawn


def test_reliability_of_no_messages_is_an_empty_frame():
    """A head without messages has the diagonal alone."""
    assert "var(--accent" not in figures.reliability("Any risk", "n = 0", []).html


def test_trend_has_equal_bytes_and_names_its_versions():
    """A gap is no point, a figure that never was is not named, and numbers have thousands."""
    series = {"dialogues": [1500.0, None, 2500.0], "never": [None, None, None]}
    drawn = figures.trend("Rows", "that got in", ["one", "two", "three"], series).html
    assert drawn == figures.trend("Rows", "that got in", ["one", "two", "three"], series).html
    assert ">three<" in drawn
    assert ">dialogues<" in drawn
    assert ">never<" not in drawn
    assert ">2,000<" in drawn


def test_trend_of_many_versions_names_the_last_and_some():
    """Names must not overlap."""
    names = [f"v{number}" for number in range(20)]
    drawn = figures.trend("Rows", "", names, {"dialogues": [float(n) for n in range(20)]}).html
    assert ">v19<" in drawn
    assert ">v18<" not in drawn
