"""A profile and a counsellor in conversation."""

import itertools

import pytest

from caretune.corpus.sources import persona_dialogue, profile, wording
from caretune.corpus.sources.persona_check import check_consistent
from tests.fixtures.personas import ROW

CLIENT = profile.parse(ROW)


def text(messages):
    """Return all words of a dialogue."""
    return " ".join(message.content for message in messages)


def test_a_dialogue_has_ten_turns_and_strategies():
    """Five exchanges, the client first; every reply names its strategy."""
    messages = persona_dialogue.write(CLIENT, "reflective_listener")
    assert [m.role for m in messages] == ["user", "assistant"] * 5
    assert [m.strategy is None for m in messages] == [True, False] * 5


def test_the_client_states_the_facts():
    """Age, onset, amount and days stand in the client's turns."""
    for counsellor in persona_dialogue.counsellors():
        said = text(
            m for m in persona_dialogue.write(CLIENT, counsellor) if m.role == "user"
        ).casefold()
        for words in (
            "33",
            "24",
            "six drinks",
            "two or three days a week",
            "my mother and my uncle",
        ):
            assert words in said


def test_each_counsellor_has_their_own_way():
    """The dialogues of one client with three counsellors share no reply and no client line."""
    dialogues = [
        {m.content for m in persona_dialogue.write(CLIENT, name)}
        for name in persona_dialogue.counsellors()
    ]
    assert len(dialogues) == 3
    for one, two in itertools.combinations(dialogues, 2):
        assert not one & two


def test_a_very_low_mood_is_asked_about():
    """A client whose mood is very low is asked about suicide once, and answers."""
    for name in persona_dialogue.counsellors():
        messages = persona_dialogue.write(CLIENT._replace(mood="severe"), name)
        asked = [
            n for n, m in enumerate(messages) if "ending" in m.content or "killing" in m.content
        ]
        assert asked == [5]
        assert messages[6].content.startswith(("No", "Not that, no"))
        plain = text(persona_dialogue.write(CLIENT, name))
        assert "killing" not in plain


@pytest.mark.parametrize("stage", profile.STAGES)
@pytest.mark.parametrize("job", ["student", "manager", "sales", "disability", "unemployed"])
@pytest.mark.parametrize("help_", ["never", "considered", "meetings", "detox", "rehab"])
def test_every_kind_of_profile_is_told_without_contradiction(stage, job, help_):
    """Whatever the columns say, our lines keep to it and leave no brace open."""
    kinds = itertools.product(
        ("single", "married", "divorced"), ("none", "mild", "moderate", "severe"), ((), ("father",))
    )
    for number, (home, mood, relatives) in enumerate(kinds):
        client = CLIENT._replace(
            id=str(number), stage=stage, job=job, help=help_, home=home, mood=mood, relatives=relatives,
            smoker=number % 2 == 0, cannabis=number % 3 == 0, cocaine=number % 5 == 0,
            drinks=number + 1, days=(number % 7 + 1, number % 7 + 1),
        )  # fmt: skip
        for counsellor in persona_dialogue.counsellors():
            messages = persona_dialogue.write(client, counsellor)
            assert check_consistent(messages, client) == []
            assert "{" not in text(messages)


def test_all_lines_are_different():
    """No line stands twice in the table."""
    lines = []

    def collect(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if key != "strategy":
                    collect(inner)
        elif isinstance(value, list):
            lines.extend(value)

    collect(wording.table("personas"))
    assert len(lines) > 180
    assert len(set(lines)) == len(lines)
