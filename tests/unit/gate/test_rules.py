"""Three-valued rules: every boundary, and how many items would settle an open one."""

import math

import pytest

from caretune.errors import GateError
from caretune.gate import rules
from caretune.gate.rules import Rule
from tests.fixtures import evidence

RULE = Rule("nll", "response_nll", "most", 0.0, "base", 1, "staging")


def judged(low, high, *, rule=RULE, level="staging", **given):
    """Judge the difference to the base, with this interval."""
    found = evidence.result(value=(low + high) / 2, low=low, high=high, **given)
    metrics = evidence.metrics(paired={"moe_lora - base": {"response_nll": found}})
    return rules.judge(rule, metrics, "moe_lora", level)


@pytest.mark.parametrize(
    ("low", "high", "at_most", "at_least"),
    [
        pytest.param(-0.2, -0.1, "pass", "fail", id="wholly below"),
        pytest.param(-0.2, 0.0, "inconclusive", "inconclusive", id="upper end on the threshold"),
        pytest.param(-0.2, 0.1, "inconclusive", "inconclusive", id="threshold inside"),
        pytest.param(0.0, 0.0, "inconclusive", "inconclusive", id="a point on the threshold"),
        pytest.param(0.0, 0.2, "inconclusive", "inconclusive", id="lower end on the threshold"),
        pytest.param(0.1, 0.2, "fail", "pass", id="wholly above"),
        pytest.param(-0.2, math.nextafter(0, -1), "pass", "fail", id="as close below as can be"),
        pytest.param(math.nextafter(0, 1), 0.2, "fail", "pass", id="as close above as can be"),
    ],
)
def test_only_a_whole_interval_on_one_side_tells(low, high, at_most, at_least):
    """Pass and fail need every point of the interval on their side."""
    assert judged(low, high).result == at_most
    assert judged(low, high, rule=RULE._replace(at="least")).result == at_least


def test_no_interval_is_inconclusive():
    """Too few families for an interval never pass and never fail."""
    metrics = evidence.metrics(
        paired={"moe_lora - base": {"response_nll": evidence.result(low=None, high=None)}}
    )
    assert rules.judge(RULE, metrics, "moe_lora", "staging").result == "inconclusive"


def test_nothing_scored_is_inconclusive():
    """An unscored metric has no value, which is not 0."""
    nothing = evidence.result(value=None, low=None, high=None, n=0, deviation=None, families=0)
    metrics = evidence.metrics(paired={"moe_lora - base": {"response_nll": nothing}})
    found = rules.judge(RULE, metrics, "moe_lora", "staging")
    assert (found.result, found.value, found.needed_n) == ("inconclusive", None, None)


def test_too_few_items_do_not_pass():
    """min_n is needed to pass: 99 of 100 are not enough, 100 are."""
    rule = RULE._replace(min_n=100)
    assert judged(-0.2, -0.1, rule=rule, n=99).result == "inconclusive"
    assert judged(-0.2, -0.1, rule=rule, n=99).needed_n == 100
    assert judged(-0.2, -0.1, rule=rule, n=100).result == "pass"


def test_few_items_may_fail():
    """Harm that is clear on few items does not wait for more."""
    assert judged(0.1, 0.2, rule=RULE._replace(min_n=100), n=20).result == "fail"


def test_a_rule_without_baseline_judges_the_value_itself():
    """5.0 in 4.9 to 5.1 is at most 5.2."""
    rule = RULE._replace(baseline=None, threshold=5.2)
    found = rules.judge(rule, evidence.metrics(), "moe_lora", "staging")
    assert (found.result, found.value, found.baseline) == ("pass", 5.0, None)


@pytest.mark.parametrize(
    ("level", "binds"), [("rehearsal", False), ("staging", True), ("production", True)]
)
def test_a_rule_binds_from_its_level_up(level, binds):
    """A rule that binds from staging is only reported at rehearsal."""
    assert judged(-0.2, -0.1, level=level).binds is binds


def test_needed_items_follow_the_sample_size_formula():
    """((1.960 + 0.842) * 0.4 / 0.1)^2 = 125.6 families of 1.25 items are 157 items."""
    found = judged(-0.25, 0.05, n=100, families=80, deviation=0.4)
    assert found.needed_n == math.ceil(((1.959964 + 0.841621) * 0.4 / 0.1) ** 2 * 1.25) == 157


def test_needed_items_grow_with_the_square_of_nearness():
    """Half the distance takes four times the items."""
    far, near = judged(-0.3, 0.1).needed_n, judged(-0.25, 0.15).needed_n
    assert near == pytest.approx(4 * far, rel=0.01)


def test_a_value_on_the_threshold_needs_no_number():
    """No number of items settles a value that is exactly the threshold."""
    assert judged(-0.1, 0.1).needed_n is None


def share(value, threshold, at="most", **given):
    """Judge a rate over 40 replies without spread."""
    found = evidence.result(
        name="rate", unit="rate", value=value, low=0.0, high=1.0, n=40, deviation=0.0, **given
    )
    rule = Rule("rate", "rate", at, threshold, None, 1, "staging")
    metrics = evidence.metrics(models={"moe_lora": {"rate": found}})
    return rules.judge(rule, metrics, "moe_lora", "staging")


def test_a_share_without_a_hit_needs_wilsons_number():
    """0 hits are shown to be under 1 % by 381 replies: z^2 / (381 + z^2) < 0.01 <= that of 380."""
    needed = share(0.0, 0.01).needed_n
    bound = [1.959964**2 / (n + 1.959964**2) for n in (needed - 1, needed)]
    assert needed == 381
    assert bound[1] < 0.01 <= bound[0]


def test_a_share_of_all_needs_the_same_from_above():
    """All hits are shown to be over 99 % by as many."""
    assert share(1.0, 0.99, "least").needed_n == 381


def test_a_rate_of_exactly_nothing_cannot_be_shown():
    """No number of replies shows that a rate is below 0."""
    assert share(0.5, 0.0).needed_n is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(
            {"baseline": "bse"},
            "params.gate.rules.nll: the evaluation has no `moe_lora - bse`, only "
            "moe_lora - base, moe_lora - lora. Mend params.gate.candidate or the rule's baseline.",
            id="baseline",
        ),
        pytest.param(
            {"metric": "bleu"},
            "params.gate.rules.nll.metric: the evaluation has no `bleu`, only response_nll. "
            "Correct the name.",
            id="metric",
        ),
    ],
)
def test_a_rule_about_nothing_is_refused(changes, sentence):
    """A misspelt rule is an error, never a rule that quietly judges nothing."""
    with pytest.raises(GateError) as error:
        rules.judge(RULE._replace(**changes), evidence.metrics(), "moe_lora", "staging")
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("value", "at", "strict", "expected"),
    [
        pytest.param(1, "most", False, "pass", id="most: on it"),
        pytest.param(2, "most", False, "fail", id="most: above"),
        pytest.param(1, "most", True, "fail", id="most, strict: on it"),
        pytest.param(0, "most", True, "pass", id="most, strict: below"),
        pytest.param(1, "least", False, "pass", id="least: on it"),
        pytest.param(0, "least", False, "fail", id="least: below"),
    ],
)
def test_a_count_is_exact(value, at, strict, expected):
    """A count has no interval: the threshold itself is good unless the rule is strict."""
    given = {"value": value, "at": at, "threshold": 1, "n": 5, "binds": True, "strict": strict}
    found = rules.count("rule", "counted", **given, detail="why")
    assert found.result == expected
    assert found.detail == (None if expected == "pass" else "why")


def test_a_missing_number_of_items_says_how_many_are_needed():
    """Where too few is no fault but no answer, the threshold is the number needed."""
    given = {"value": 3, "at": "least", "threshold": 100, "n": 3, "binds": True}
    found = rules.count("rule", "counted", **given, missing="inconclusive")
    assert (found.result, found.needed_n) == ("inconclusive", 100)


def test_faults_are_counted_and_the_first_is_told():
    """The detail names the first fault; without faults there is none."""
    assert rules.faultless("rule", "faults", [], 5).result == "pass"
    found = rules.faultless("rule", "faults", ["row a is lost", "row b is lost"], 5)
    assert (found.result, found.value, found.binds) == ("fail", 2, True)
    assert found.detail == "2 in all, first: row a is lost"
