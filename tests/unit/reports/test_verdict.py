"""The verdict for people: banner, rules, digests."""

import msgspec
import pytest

from caretune.reports import verdict
from tests.fixtures import reports


def told(**changes):
    """Return a verdict as verdict.json holds it."""
    return msgspec.to_builtins(reports.verdict(**changes))


@pytest.mark.parametrize("result", ["pass", "fail", "inconclusive"])
def test_banner_says_result_and_level_in_words(result):
    """Word, colour class and sign all follow the result."""
    drawn = verdict.banner(told(result=result, level="staging")).html
    assert f"{result.capitalize()} at level staging" in drawn
    assert f'class="banner {result}"' in drawn
    assert drawn.count('class="sign"') == 1
    assert "not for people" not in drawn


def test_rehearsal_is_no_permission():
    """Even a pass says so at this level."""
    assert "It is not for people" in verdict.banner(told()).html


def test_banner_counts_binding_rules_apart_from_reported_ones():
    """Only what binds makes the verdict."""
    drawn = verdict.banner(told()).html
    assert "Binding rules: 1 pass." in drawn
    assert "binding at a higher level: 1." in drawn


def test_rules_that_bind_are_drawn_apart_from_reported_ones():
    """Each rule stands in one of the two lists."""
    assert "NLL below base" in verdict.rules(told(), binds=True).html
    assert "Reply blocked" not in verdict.rules(told(), binds=True).html
    assert "Reply blocked" in verdict.rules(told(), binds=False).html
    assert verdict.rules(told(rules=[reports.rule()]), binds=False).html == "<p>None.</p>"


def test_inconclusive_rule_says_how_many_more_are_needed():
    """Needed in all, less those seen."""
    thin = reports.rule(n=60, needed_n=300, result="inconclusive")
    drawn = verdict.rules(told(rules=[thin]), binds=True).html
    assert "n = 60, 240 more needed" in drawn
    assert "Inconclusive" in drawn


def test_rule_without_a_value_is_not_measured():
    """Nothing is drawn at zero."""
    blank = reports.rule(value=None, low=None, high=None, result="inconclusive", detail="<why>")
    drawn = verdict.rules(told(rules=[blank]), binds=True).html
    assert "not measured" in drawn
    assert "&lt;why&gt;" in drawn
    assert 'class="strip"' not in drawn
