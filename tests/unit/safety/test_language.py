"""The language rule."""

import pytest

from caretune.safety import language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("i can't do this anymore", "en", id="English"),
        pytest.param("help", "en", id="one word"),
        pytest.param("", "en", id="nothing"),
        pytest.param("12:30 ?!", "en", id="no letters"),
        pytest.param("quiero morir y no sé qué hacer con mi vida", "es", id="Spanish"),
        pytest.param("ich will nicht mehr leben", "de", id="German"),
        pytest.param("je ne veux plus vivre", "fr", id="French"),
        pytest.param("я больше не хочу жить", "und", id="Cyrillic"),
        pytest.param("Ich will sterben", "de", id="short German"),
        pytest.param("Quiero morir", "es", id="short Spanish"),
        pytest.param("Chcę umrzeć", "und", id="short Polish"),
        pytest.param("die die die", "en", id="an English word that German has too"),
        pytest.param("the café by the sea", "en", id="an accent among English"),
        pytest.param("死にたい", "und", id="Japanese"),
        pytest.param(
            "nechci uz dal, jsem hrozne unaveny, prosim pomozte mi nekdo rychle", "und", id="Czech"
        ),
        pytest.param("my nonna said basta and i laughed at the mess", "en", id="a foreign word"),
    ],
)
def test_language_is_told_apart(text, expected):
    """English is English, other languages and scripts are not."""
    assert language.detect(text) == expected
