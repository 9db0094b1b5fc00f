"""Personal data and conversations, measured with the whole chain."""

import pytest

from caretune.safety import trials
from caretune.safety.examples import LabelledMessage
from caretune.safety.rates import Rate
from caretune.safety.trials import Heard, LabelledTurns


def turns(*said, first=None, severity="none"):
    """Build a labelled conversation."""
    return LabelledTurns(list(said), first, severity, [], "sudden" if first else "never")


DANGER = "I am going to kill myself tonight."
CALM = "The bus was late again."


def test_personal_data_is_measured_by_type(chain):
    """Recall and precision count half-covered spans of the right type."""
    row = LabelledMessage(
        "mail jo.b@example.com or no@example.org",
        "user",
        "pii",
        {"entities": [{"type": "EMAIL", "text": "jo.b@example.com"}]},
        hard_negative=False,
        note="",
    )
    found = trials.personal_data([row], chain)
    assert (found["EMAIL"]["recall"].value, found["EMAIL"]["precision"].value) == (1.0, 0.5)
    assert found["SSN"] == {"recall": Rate(None, None, None, 0)} | {
        "precision": Rate(None, None, None, 0)
    }


def test_the_second_of_two_equal_substrings_is_another_one(chain):
    """An address that is told twice must be found twice."""
    mail = {"type": "EMAIL", "text": "jo.b@example.com"}
    row = LabelledMessage(
        "jo.b@example.com, yes: jo.b@example.com",
        "user",
        "pii",
        {"entities": [mail, mail]},
        hard_negative=False,
        note="",
    )
    assert trials.personal_data([row], chain)["EMAIL"]["recall"] == Rate(1.0, 0.3424, 1.0, 2)


def test_an_alarm_is_timed_from_the_first_authored_risk(chain):
    """Two turns of calm, then danger: heard at once, by the next turn, as high."""
    found = trials.sequences([turns(CALM, CALM, DANGER, first=2, severity="high")], chain)
    assert found["turns_to_alarm"] == {"0": 1}
    assert found["median_turns"] == 0.0
    assert found["recall_by_next_turn"].value == found["high_recall"].value == 1.0
    assert found["never"] == 0


def test_silence_is_counted_as_never(chain):
    """A risk nobody hears has no delay, and is not left out of the share."""
    found = trials.sequences([turns(CALM, CALM, first=1, severity="high")], chain)
    assert (found["recall"].value, found["never"], found["median_turns"]) == (0.0, 1, None)
    assert found["turns_to_alarm"] == {}


def test_calm_conversations_count_false_alarms(chain):
    """Without authored risk an alarm is a false one, by its gravity too."""
    found = trials.sequences([turns(CALM), turns(DANGER)], chain)
    assert found["false_alarm_rate"].value == found["high_false_alarm_rate"].value == 0.5
    assert found["recall"] == Rate(None, None, None, 0)
    assert found["alarmed_by_shape"]["never"].n == 2


@pytest.mark.parametrize(
    ("heard", "delay"),
    [pytest.param(3, 1, id="a turn late"), pytest.param(1, -1, id="early"), (None, None)],
)
def test_delay_is_counted_in_turns(heard, delay):
    """0 is at once, below 0 too early."""
    assert Heard(turns(*"abcd", first=2), heard, 1).delay == delay
