"""Whether a dialogue keeps to its client's profile."""

import pytest

from caretune.corpus.sources import profile
from caretune.corpus.sources.persona_check import check_consistent
from caretune.corpus.sources.raw import RawMessage
from tests.fixtures.personas import ROW

CLIENT = profile.parse(ROW)
TRUE = (
    "I'm 33, I'm married and I'm a manager. It's two or three days a week, six drinks each time. It has "
    "been so since I was 24. It runs in the family: my mother and my uncle. I smoke every day and there's "
    "weed. I've never touched cocaine. I went to AA. My mood has been low for months. I was never in detox."
)


def turns(*texts):
    """Make a dialogue of turns, the client first."""
    return [RawMessage(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]


def test_a_dialogue_that_keeps_to_its_profile_has_no_faults():
    """Facts as the profile tells them, said and said back, contradict nothing."""
    assert (
        check_consistent(turns(TRUE, "You're 33 and married, six drinks. Are you 40?"), CLIENT)
        == []
    )


@pytest.mark.parametrize(
    ("said", "fact"),
    [
        ("I'm 41 years old.", "age"),
        ("I'm thirty-four.", "age"),
        ("I started drinking at 15.", "onset"),
        ("I was nineteen when it turned regular.", "onset"),
        ("It's been so since I was nineteen.", "onset"),
        ("It was nine drinks.", "drinks"),
        ("That's five days a week.", "days"),
        ("It's two days a week.", "days"),
        ("I'm divorced.", "home"),
        ("It got worse after the divorce.", "home"),
        ("I've never been married.", "home"),
        ("I'm single.", "home"),
        ("I'm a part-time student.", "job"),
        ("I'm out of work.", "job"),
        ("I'm on disability.", "job"),
        ("I'm a nurse.", "job"),
        ("I work as a salesman.", "job"),
        ("I'm a father of two.", "sex"),
        ("I've stopped drinking.", "stage"),
        ("I don't have a drinking problem.", "stage"),
        ("I never sought help.", "help"),
        ("I met him in rehab.", "help"),
        ("I was sent to detox.", "help"),
        ("I don't smoke.", "smoker"),
        ("I've never touched weed.", "cannabis"),
        ("There's coke too.", "cocaine"),
        ("There's nothing else I take.", "substances"),
        ("My father drank.", "relatives"),
        ("I grew up with it, with my parents.", "relatives"),
        ("Nobody in my family drank.", "relatives"),
        ("My mood is fine.", "mood"),
    ],
)
def test_a_planted_contradiction_is_found(said, fact):
    """Each fact said otherwise is named with its turn, and nothing is quoted."""
    found = check_consistent(turns(TRUE, "I see.", said), CLIENT)
    assert found == [f"{fact} at $.messages[2].content"]


def test_two_different_ages_are_found():
    """Of two ages in one dialogue, the one that is not the profile's is named."""
    assert check_consistent(turns("I'm 33.", "Hm.", "I'm 35."), CLIENT) == [
        "age at $.messages[2].content"
    ]


def test_the_counsellors_statements_count_and_questions_do_not():
    """What the counsellor says of the client is held against the profile; asking is free."""
    assert check_consistent(turns("Hello.", "You're divorced?"), CLIENT) == []
    assert check_consistent(turns("Hello.", "You're divorced."), CLIENT) == [
        "home at $.messages[1].content"
    ]
    assert check_consistent(
        turns("Hello.", "Your husband knows. You were sent to rehab."), CLIENT
    ) == ["help at $.messages[1].content"]


def test_a_man_and_a_married_couple():
    """Sex and parents follow the profile where it tells them."""
    man = CLIENT._replace(sex="male", relatives=("father", "mother"), mood="none", home="single")
    assert check_consistent(turns("I'm a mum."), man) == ["sex at $.messages[0].content"]
    assert check_consistent(turns("I grew up with it, with my parents. I'm single."), man) == []
    assert check_consistent(turns("My mood has been low."), man) == [
        "mood at $.messages[0].content"
    ]
    assert check_consistent(turns("My mum drank and my grandfather drank."), man) == [
        "relatives at $.messages[0].content"
    ]
