"""Who chooses the experts, drawn against the goal, by domain, and by what it costs."""

import msgspec

from caretune.reports import routing
from tests.fixtures import reports


def test_everybody_who_tells_a_domain_stands_against_the_goal():
    """Met, missed, and too few families to say: by domain, and never of all together."""
    drawn = routing.accuracy(reports.routing()).html
    for word, tone in (("Below the goal", "fail"), ("Goal met", "pass"), ("Not certain", "open")):
        assert drawn.count(word) == 1
        assert drawn.count(f"var(--{tone}) 18%") == 1
    assert "router tokens" in drawn


def test_a_domain_below_the_goal_is_not_hidden_by_the_others():
    """All together meet the goal, the small domain misses it: the verdict is the domain's."""
    found = reports.routing()
    met = found.accuracy["classifier"]["all"]
    missed = msgspec.structs.replace(met, value=0.4, low=0.3, high=0.5)
    shares = {"all": met, "crisis_safety": missed, "bias_awareness": met}
    found = reports.routing(accuracy={"request": shares})
    drawn = routing.accuracy(found).html
    assert (drawn.count("Below the goal"), drawn.count("Goal met")) == (1, 1)


def test_shares_are_tabulated_by_domain():
    """Each with its interval and its families, or without an interval the share alone."""
    drawn = routing.accuracy(reports.routing()).html
    assert "crisis safety" in drawn
    assert drawn.count("n = 10 in 9 families") == 6
    assert drawn.count(" to ") == 4
    assert "no expert was trained for their domain: 0." in drawn


def test_load_is_tinted_and_the_domains_own_expert_in_its_own_colour():
    """The diagonal is what should hold the most."""
    drawn = routing.load(reports.routing()).html
    assert drawn.count("var(--pass)") == 1
    assert drawn.count("var(--accent)") == 3


def test_what_one_expert_a_request_costs_is_drawn_against_zero():
    """Above zero is worse, in words too."""
    drawn = routing.ways(reports.routing()).html
    assert "static true minus token" in drawn
    assert ">Worse<" in drawn
    assert "4.100" in drawn


def test_without_an_adapter_with_experts_that_is_said():
    """An evaluation of plain LoRAs has no such section."""
    for draw in (routing.accuracy, routing.load, routing.ways):
        assert "No adapter with experts" in draw(None).html
