"""What a sweep came to."""

import msgspec
import optuna
import pytest
from optuna.distributions import FloatDistribution

from caretune.training.sweep import study, summary

RATE = FloatDistribution(0.0, 1.0)


def trial(number, score, seconds):
    """Build a trial."""
    return study.Trial(
        number=number,
        state="complete" if score is not None else "failed",
        params={},
        score=score,
        seconds=seconds,
        training_seconds=seconds,
        cost_usd=0.1,
        experiment="",
        reason="",
        is_default=False,
        retry_of=None,
        interrupted=False,
    )


def made(scores, **attributes):
    """Make a study of trials whose `a` is their score and whose `b` is noise."""
    found = optuna.create_study(direction="minimize")
    found.set_user_attr("settings", {"seed": 1, "files.x": "ab"})
    for place, score in enumerate(scores):
        found.add_trial(
            optuna.create_trial(
                value=score,
                params={"a": score, "b": (place * 7 % 5) / 5},
                distributions={"a": RATE, "b": RATE},
                user_attrs={study.COST_USD: 0.25, **attributes},
            )
        )
    return found


@pytest.mark.parametrize(("direction", "numbers"), [("minimize", [2, 0, 3]), ("maximize", [2, 1])])
def test_the_front_holds_what_none_beats_in_both(direction, numbers):
    """By time; each is better than every quicker one."""
    trials = [trial(0, 2.0, 5.0), trial(1, 3.0, 6.0), trial(2, 2.5, 4.0), trial(3, 1.0, 9.0)]
    found = summary.front([*trials, trial(4, None, 1.0)], direction)
    assert [one.number for one in found] == numbers


def test_importance_names_what_decides():
    """`a` is the score itself."""
    found = summary.importance(made([0.1, 0.9, 0.4, 0.7, 0.2, 0.6, 0.3, 0.8]))
    assert next(iter(found)) == "a"
    assert sum(found.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("scores", [[], [0.5], [0.5, 0.5, 0.5]], ids=["none", "one", "equal"])
def test_no_importance_without_a_difference(scores):
    """None is not zero."""
    assert summary.importance(made(scores)) is None


def test_a_summary_tells_best_default_and_cost():
    """Digests and params stay out of it; a handful of trials is nothing to rely on."""
    found = summary.summarise(made([0.5, 0.4], default=True), "s", {"b": 2, "a": 1})
    assert (found.best, found.default, found.spent_usd) == (1, 0, 0.5)
    assert found.settings == {"seed": 1}
    assert list(found.test_reads) == ["a", "b"]
    assert not found.is_firm


def test_a_retry_of_the_default_is_the_default():
    """The killed one has no score."""
    killed = msgspec.structs.replace(trial(0, None, 1.0), is_default=True)
    retry = msgspec.structs.replace(trial(1, 2.0, 1.0), retry_of=0)
    assert summary.is_default(retry, [killed, retry])
    assert not summary.is_default(trial(1, 2.0, 1.0), [killed, retry])
