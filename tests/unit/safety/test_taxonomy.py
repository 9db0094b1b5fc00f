"""The order of severities."""

import pytest

from caretune.safety.taxonomy import SEVERITIES, severity_rank


def test_ranks_follow_the_ladder():
    """None is 0, imminent is 4."""
    assert [severity_rank(word) for word in SEVERITIES] == [0, 1, 2, 3, 4]


def test_unscored_ranks_as_high():
    """What was not measured is treated as grave, never as none."""
    assert severity_rank("unscored") == severity_rank("high")


def test_an_unknown_word_is_refused():
    """A typo is no severity."""
    with pytest.raises(ValueError, match="grave"):
        severity_rank("grave")
