"""ROUGE-L: published examples, and what it cannot score."""

import pytest

from caretune.evaluation import rouge


@pytest.mark.parametrize(
    ("reply", "reference", "expected"),
    [
        pytest.param("police kill the gunman", "police killed the gunman", 0.75, id="Lin 2004, S2"),
        pytest.param("the gunman kill police", "police killed the gunman", 0.5, id="Lin 2004, S3"),
        pytest.param("Same words.", "same words", 1.0, id="case and points do not count"),
        pytest.param("nothing shared", "quite different", 0.0, id="nothing shared"),
        pytest.param("", "a reference", 0.0, id="an empty reply says nothing"),
        pytest.param("a reply", "", None, id="no reference"),
        pytest.param("a reply", "ответ", None, id="no Latin word to compare with"),
    ],
)
def test_the_score_is_that_of_the_paper(reply, reference, expected):
    """The examples of Lin 2004, section 3.1, and the ends of the scale."""
    assert rouge.score(reply, reference) == expected
