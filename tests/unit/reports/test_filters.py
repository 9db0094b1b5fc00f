"""What the filters find."""

from caretune.reports import filters, tables


def test_unsigned_protocol_is_said():
    """Nobody takes the replies for reviewed."""
    crisis = {"any": {"recall": 0.9}, "by_severity": {"imminent": {"any": 1.0}}}
    figures = {"decisions": {"crisis": crisis, "ordinary": {}}, "protocol_reviewed": False}
    assert "none yet" in filters.key_figures(figures).html
    assert "signed" in filters.key_figures({**figures, "protocol_reviewed": True}).html


def test_rate_that_was_not_measured_draws_no_bar():
    """A type without a finding has no precision, and no bar at zero."""
    drawn = filters.personal_data({"pii": {"IP": {"n": 4, "recall": 0.5, "precision": None}}}).html
    assert "not measured" in drawn
    assert drawn.count('class="meter"') == 1
    assert "width:50.0%" in tables.meter(0.5).html
