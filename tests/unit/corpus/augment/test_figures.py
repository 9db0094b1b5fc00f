"""The figures of augmentation."""

import msgspec

from caretune.corpus.augment import figures
from caretune.corpus.augment.pipeline import Attempt
from caretune.records import Conversation, Message


def test_figures_of_two_attempts(parent: Conversation) -> None:
    """Ratio, counts, nearness and severities of one child that repeats its parent and one exit."""
    child = msgspec.structs.replace(parent, id="c" * 32, parent=parent.id)
    attempts = [
        Attempt(parent, "paraphrase", child, ""),
        Attempt(parent, "crisis_scenarios", None, "severity_lost"),
    ]
    found = figures.figures([parent], attempts)
    assert found["ratio"] == 2.0
    assert found["near_parent_rate"] == 1.0
    assert found["strategies"]["paraphrase"] == {"tried": 1, "made": 1, "near_parent": 1}
    assert found["strategies"]["crisis_scenarios"]["severity_lost"] == 1
    assert found["exits"] == {"severity_lost": 1}
    assert found["severity_parent_child"] == {"none": {"none": 1}}
    assert found["distinct_2_added"] is None


def test_distinct_pairs_counts_pairs_inside_turns() -> None:
    """`a b a b` has pairs ab, ba, ab: two of three are distinct; no pair spans two turns."""
    turns = [Message("user", "A b, a b."), Message("user", "b")]
    assert figures.distinct_pairs(turns) == 0.6667
    assert figures.distinct_pairs([]) is None
