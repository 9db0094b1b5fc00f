"""Numbers and words as people read them; nothing reaches a page unescaped."""

import re
from pathlib import Path

import pytest

from caretune.reports import style
from caretune.reports.style import Fragment


def test_markup_escapes_everything_but_fragments():
    """A reply that holds markup is shown, never obeyed."""
    assert style.markup("<b>&") == "&lt;b&gt;&amp;"
    assert style.markup(Fragment("<b>")) == "<b>"
    assert style.markup(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        pytest.param(None, "rate", "not measured", id="unscored is not zero"),
        pytest.param(0.0, "rate", "0.0\N{NO-BREAK SPACE}%", id="zero is zero"),
        pytest.param(0.0345, "rate", "3.5\N{NO-BREAK SPACE}%", id="a rate is per cent"),
        pytest.param(4.70123, "nats", "4.701", id="four digits"),
        pytest.param(-0.25, "nats", "\N{MINUS SIGN}0.250", id="a real minus sign"),
        pytest.param(110.51, "", "110.5", id="large with one decimal"),
        pytest.param(12345, "", "12,345", id="whole numbers with thousands"),
    ],
)
def test_quantity_reads_as_its_unit_says(value, unit, said):
    """Each unit has one form."""
    assert style.quantity(value, unit) == said


def test_interval_is_left_out_where_there_is_none():
    """Too few families give a value without an interval, and no made-up range."""
    assert style.interval(0.5, None, None, "rate").html == "50.0\N{NO-BREAK SPACE}%"
    assert (
        "[40.0\N{NO-BREAK SPACE}%, 60.0\N{NO-BREAK SPACE}%]"
        in style.interval(0.5, 0.4, 0.6, "rate").html
    )


def test_words_spell_names_as_the_field_does():
    """Identifiers become words, and known names keep their spelling."""
    assert style.words("crisis_safety") == "crisis safety"
    assert style.words("moe_lora") == "MoE-LoRA"
    assert style.words("response_nll") == "response NLL"


def test_palette_agrees_with_the_page():
    """A figure's colours are those of the light theme."""
    light = Path(style.__file__).with_name("page.css").read_text().split("@media")[0]
    assert len(style.PALETTE) > 5
    for name, colour in style.PALETTE.items():
        assert re.search(rf"--{name}: {colour};", light), name


def test_repr_of_a_fragment_holds_no_address():
    """The notebook stores it beside the HTML, and its bytes must not change."""
    assert repr(Fragment("<b>")) == "Fragment of 3 characters"
