"""The figures of the data."""

from caretune.reports import corpus


def test_severities_come_in_order_of_gravity():
    """JSON sorts by letter; readers do not."""
    counts = {"high": 1, "imminent": 2, "none": 3, "unlabelled": 4}
    assert list(corpus.ordered(counts)) == ["none", "high", "imminent", "unlabelled"]


def test_matrix_marks_the_diagonal():
    """Equal severities stand out; a pair that never was is 0."""
    drawn = corpus.matrix("parent", {"high": {"high": 6}, "none": {"none": 5, "high": 1}}).html
    assert drawn.index("<td>none</td>") < drawn.index("<td>high</td>")
    assert "<b>6</b>" in drawn
    assert "<b>5</b>" in drawn
    assert '<td class="figure">0</td>' in drawn


def test_leak_is_called_a_leak():
    """A shared family or a pair too close; either is enough."""
    proof = {
        "families_shared": 0,
        "worst": {"similarity": 0.1},
        "threshold": 0.3,
        "found_rate": 0.99,
        "method": "any",
    }
    assert ">No leak found<" in corpus.leak(proof).html
    assert ">Leak<" in corpus.leak({**proof, "families_shared": 1}).html
    assert ">Leak<" in corpus.leak({**proof, "worst": {"similarity": 0.3}}).html


def test_redaction_that_is_off_is_said():
    """No count is not a count of zero."""
    ingest = {"rows": {"license": {"MIT": 2}}, "pii": None}
    assert "switched off" in corpus.sources(ingest).html
