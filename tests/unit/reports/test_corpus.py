"""The way of the rows, and the leak proof."""

from caretune.reports import corpus


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
