"""A client profile out of a persona table."""

import pytest

from caretune.corpus.sources import profile
from tests.fixtures.personas import ROW


def test_a_row_becomes_a_profile():
    """Every fact is read out of its column."""
    assert profile.parse(ROW) == profile.Profile(
        id="7",
        name="Bo",
        age=33,
        onset=24,
        days=(2, 3),
        drinks=6,
        job="manager",
        home="married",
        help="meetings",
        stage="Contemplation",
        mood="moderate",
        smoker=True,
        cannabis=True,
        cocaine=False,
        relatives=("mother", "uncle"),
        sex="female",
        described_ages=(33,),
    )


@pytest.mark.parametrize(
    ("column", "text", "fact", "value"),
    [
        ("psychosocial_indicators", "Divorced; Unemployed.", "home", "divorced"),
        ("psychosocial_indicators", "Never Married; Full-Time Student.", "home", "single"),
        ("psychosocial_indicators", "Divorced; on permanent disability.", "job", "disability"),
        ("psychosocial_indicators", "Married; between things.", "job", "unemployed"),
        ("drinking_pattern", "Drinks 4 days/week, 5 drinks/occasion.", "days", (4, 4)),
        ("help_seeking_behavior", "Never went anywhere.", "help", "never"),
        ("help_seeking_behavior", "Never went, but has considered it.", "help", "considered"),
        ("comorbid_psychiatric_disorders", "Depression: Moderately-Severe.", "mood", "severe"),
        ("comorbid_psychiatric_disorders", "", "mood", "none"),
        ("comorbid_substance_use", "Daily smoker: No, Cocaine Use Disorder, Mild.", "cocaine", True),
        ("comorbid_substance_use", "Daily smoker: No.", "cannabis", False),
        ("family_history_of_alcohol_dependence", "No such history (one cousin).", "relatives", ()),
        ("family_history_of_alcohol_dependence", "Extensive (both parents).", "relatives", ("father", "mother")),
        ("persona_description", "Bo lives by the sea.", "sex", None),
        ("persona_description", "He rows his boat.", "sex", "male"),
    ],
)  # fmt: skip
def test_other_words_give_other_facts(column, text, fact, value):
    """A fact follows the words of its column."""
    assert getattr(profile.parse({**ROW, column: text}), fact) == value


@pytest.mark.parametrize(
    "column",
    [
        "patient_id",
        "age_onset",
        "drinking_pattern",
        "psychosocial_indicators",
        "help_seeking_behavior",
        "state_of_change",
    ],
)
def test_a_column_that_says_nothing_known_is_named(column):
    """What cannot be understood is named by its column, never quoted."""
    assert profile.parse({**ROW, column: " "}) == column
