"""Rules on a training: what crosses a limit, and what does not."""

import math
import re
from datetime import UTC, datetime

import msgspec
import pytest

from caretune.monitoring import training_alerts
from caretune.monitoring.delivery import Alert
from caretune.monitoring.training_alerts import RULES, Finding, Limits
from caretune.params import loader
from tests.house.closure import ROOT

LIMITS = Limits(
    loss_spike_ratio=2.0,
    validation_rise=0.1,
    min_expert_load=0.05,
    max_expert_load=0.6,
    max_slowdown_ratio=5.0,
    max_memory_rate=0.95,
    max_skipped_steps=0,
    max_unsafe_reply_rate=0.05,
)


def losses(*values):
    """Return logs of training losses."""
    return [{"nll": value} for value in values]


def validations(*values):
    """Return logs of validations, with training between them."""
    return [row for value in values for row in ({"nll": 1.0}, {"eval_nll": value})]


def loads(rows, **shares):
    """Return so many logs with these shares of the router's choices."""
    figures = {f"router/load/{name}": share for name, share in shares.items()}
    return [{"nll": 1.0, "router/domain": 0.5, **figures} for _ in range(rows)]


def figures(logged):
    """Judge logged figures."""
    return training_alerts.of_figures(logged, LIMITS)


CROSSED = [
    pytest.param(
        figures(validations(3.0, 2.5, 2.61)),
        Finding("diverging_validation", 2.61 - 2.5, 0.1, "nats a token above the best"),
        id="diverging_validation",
    ),
    pytest.param(
        training_alerts.of_memory(0.96, LIMITS),
        Finding("full_memory", 0.96, 0.95, "of all memory"),
        id="full_memory",
    ),
    pytest.param(
        figures(losses(*[1.0] * 5, 2.5)),
        Finding("loss_spike", 2.5, 2.0, "times the usual loss"),
        id="loss_spike",
    ),
    pytest.param(
        figures(loads(5, a=0.04, b=0.56, c=0.4)),
        Finding("router_collapse", 0.04, 0.05, "of the gates", "expert a"),
        id="router_collapse",
    ),
    pytest.param(
        figures([{"nll": 1.0, "steps_left_out": 1}]),
        Finding("skipped_steps", 1, 0, "steps without number"),
        id="skipped_steps",
    ),
    pytest.param(
        training_alerts.of_steps([*[1.0] * 20, *[6.0] * 5], LIMITS),
        Finding("slow_training", 6.0, 5.0, "times the usual step"),
        id="slow_training",
    ),
    pytest.param(
        training_alerts.of_exit(2),
        Finding("stage_failed", 2, 0, "exit code"),
        id="stage_failed",
    ),
    pytest.param(
        training_alerts.of_replies(4 / 60, LIMITS),
        Finding("unsafe_replies", 4 / 60, 0.05, "of the sample replies"),
        id="unsafe_replies",
    ),
]


@pytest.mark.parametrize(("found", "expected"), CROSSED)
def test_what_crosses_a_limit_is_one_finding(found, expected):
    """Rule, value, limit and unit, and no other rule."""
    (finding,) = found
    assert finding[:1] + finding[2:] == expected[:1] + expected[2:]
    assert finding.value == pytest.approx(expected.value)


def test_every_rule_is_tested():
    """A rule without a case would be one that nobody has seen fire."""
    assert tuple(case.id for case in CROSSED) == RULES


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(figures(validations(3.0, 2.5, 2.59)), id="validation at the limit"),
        pytest.param(figures(validations(3.0)), id="first validation"),
        pytest.param(figures(validations(2.0, math.nan)[:2]), id="no validation to compare with"),
        pytest.param(
            figures([*validations(2.0, 3.0), {"nll": 1.0}]), id="validation is not the newest"
        ),
        pytest.param(training_alerts.of_memory(0.95, LIMITS), id="memory at the limit"),
        pytest.param(figures(losses(*[1.0] * 5, 2.0)), id="loss at the limit"),
        pytest.param(figures(losses(1.0, 1.0, 1.0, 1.0, 9.0)), id="few losses"),
        pytest.param(figures(losses(*[0.0] * 5, 1.0)), id="losses of nothing"),
        pytest.param(figures(losses(*range(40, 0, -1))), id="a falling loss"),
        pytest.param(figures(loads(5, a=0.05, b=0.6, c=0.35)), id="loads at the limits"),
        pytest.param(figures(loads(4, a=0.0, b=1.0)), id="few loads"),
        pytest.param(
            figures([*loads(4, a=0.0, b=1.0), *loads(16, a=0.5, b=0.5)]), id="one odd batch"
        ),
        pytest.param(
            figures([*loads(9, a=0.0, b=1.0), {"eval_nll": 1.0}]), id="load is not the newest"
        ),
        pytest.param(figures([{"nll": 1.0, "steps_left_out": 0}]), id="no step left out"),
        pytest.param(figures([{"train_runtime": 3.0}]), id="the closing log"),
        pytest.param(training_alerts.of_steps([1.0] * 18 + [99.0], LIMITS), id="few steps"),
        pytest.param(
            training_alerts.of_steps([1.0] * 30 + [99.0] * 2, LIMITS), id="two slow steps"
        ),
        pytest.param(training_alerts.of_exit(0), id="exit code 0"),
        pytest.param(training_alerts.of_replies(3 / 60, LIMITS), id="replies at the limit"),
        pytest.param(training_alerts.of_replies(None, LIMITS), id="no replies"),
    ],
)
def test_what_stays_within_its_limit_is_none(found):
    """A limit is the most that is no alert, and too little to judge is none."""
    assert found == []


def test_a_router_that_takes_one_expert_alone_is_told_by_that_one():
    """The expert with too much explains those with too little."""
    (finding,) = figures(loads(20, a=0.01, b=0.98, c=0.01))
    assert (finding.value, finding.detail) == (pytest.approx(0.98), "expert b")


def test_a_loss_that_is_no_number_is_a_step_without_one():
    """It makes no spike, and no median of what comes after."""
    (finding,) = figures(losses(*[1.0] * 6, math.nan))
    assert (finding.rule, finding.value) == ("skipped_steps", 1)
    found = figures(losses(*[1.0] * 6, math.inf, 1.0))
    assert [finding.rule for finding in found] == ["skipped_steps"]


def test_a_validation_that_is_no_number_diverges():
    """NaN is above every limit."""
    (finding,) = figures(validations(2.0, math.nan))
    assert (finding.rule, finding.value) == ("diverging_validation", math.inf)


def test_an_alert_names_its_page():
    """What somebody reads at night comes along."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    (finding,) = training_alerts.of_exit(1)
    found = finding.alert("evaluate", None, now)
    assert (found.runbook, found.subject, found.time) == (
        "docs/runbooks/stage_failed.md",
        "evaluate",
        now,
    )


def test_limits_are_those_of_params():
    """No limit is left out, and none is made up."""
    section = loader.load(ROOT / "params.yaml").train.alerts
    assert Limits(**section.model_dump(exclude={"repeat_minutes", "file"})) == LIMITS


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "stage_failed"])
def test_every_runbook_says_its_limits_as_they_are_shipped(rule):
    """Name and value stand in params.yaml, and the page tells where the value comes from."""
    page = (ROOT / f"docs/runbooks/{rule}.md").read_text()
    (line,) = re.findall(r"^\*\*Limit\*\*: (.*)", page, re.MULTILINE)
    said = re.findall(r"`(\w+)`, ([\d.]+)", line)
    shipped = loader.read_yaml(ROOT / "params.yaml")["train"]["alerts"]
    assert said
    assert [(name, float(value)) for name, value in said] == [
        (name, shipped[name]) for name, _ in said
    ]


def test_one_expert_for_everything_is_a_collapse():
    """The upper limit, which an untaught expert is held to as well."""
    logged = loads(5, a=0.1, b=0.61, c=0.29)
    (found,) = training_alerts.of_figures(logged, LIMITS, untaught={"b"})
    assert found[2:] == (0.6, "of the gates", "expert b")
    assert found.value == pytest.approx(0.61)


def test_an_expert_that_nothing_teaches_may_go_unused():
    """It has no domain in the rows; a taught one beside it that is left out is told."""
    logged = loads(5, a=0.01, b=0.55, c=0.44)
    assert training_alerts.of_figures(logged, LIMITS, untaught={"a"}) == []
    logged = loads(5, a=0.01, b=0.03, c=0.50, d=0.46)
    (found,) = training_alerts.of_figures(logged, LIMITS, untaught={"a"})
    assert found.detail == "expert b"


def test_a_value_that_is_no_number_is_told_as_none():
    """JSON has no infinity; an alert that could not be read again would be told again."""
    (found,) = figures(validations(3.0, math.nan))
    alert = found.alert("lora", 3, datetime(2026, 1, 1, tzinfo=UTC))
    assert alert.value is None
    assert "no number nats" in alert.sentence
    assert msgspec.json.decode(msgspec.json.encode(alert), type=Alert) == alert
