"""Measured results: values, intervals, and on which side of zero a difference lies."""

import re

import pytest

from caretune.evaluation.result import Decoding, Metrics, Result
from caretune.lineage.fingerprint import Fingerprint
from caretune.reports import results

BOTH = "moe_lora - base"


def result(value, low, high, direction="lower", unscored=0):
    """Build one result of ten items."""
    return Result(
        name="response_nll",
        version=1,
        unit="nats per token",
        direction=direction,
        value=value,
        low=low,
        high=high,
        confidence=0.95,
        n=10,
        unscored=unscored,
        families=9,
        deviation=None,
    )


def metrics(**given):
    """Build metrics of two models and one difference."""
    fingerprint = Fingerprint("2", "5", "0", "AVX2", 1, "float32", "x86_64")
    decoding = Decoding("abc123", {"max_new_tokens": 60}, {"transformers": "5"})
    return Metrics(
        **{"models": {}, "paired": {}, **given},
        filters="def456",
        decoding=decoding,
        fingerprint=fingerprint,
    )


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        pytest.param(result(-0.3, -0.4, -0.2), "Better", id="all below zero, lower is better"),
        pytest.param(result(0.3, 0.2, 0.4), "Worse", id="all above zero, lower is better"),
        pytest.param(result(0.3, 0.2, 0.4, "higher"), "Better", id="all above, higher is better"),
        pytest.param(result(-0.1, -0.2, 0.1), "No difference shown", id="zero inside"),
        pytest.param(result(-0.1, None, None), "Too few families", id="no interval"),
        pytest.param(result(None, None, None), "not measured", id="nothing scored"),
    ],
)
def test_a_difference_is_named_by_its_whole_interval(difference, said):
    """Only an interval clear of zero is called a difference."""
    drawn = results.paired(metrics(paired={BOTH: {"response_nll": difference}}), {}).html
    assert f">{said}" in drawn
    assert "MoE-LoRA minus base" in drawn


def test_two_adapters_are_compared_once_the_judged_one_first():
    """The other direction has the same figures with the other colour, and is left out."""
    pairs = ("lora - base", "lora - moe_lora", "moe_lora - base", "moe_lora - lora")
    measured = metrics(
        paired={name: {"response_nll": result(-0.3, -0.4, -0.2)} for name in pairs},
        subjects={"adapter/lora": "ab", "adapter/moe_lora": "cd"},
    )

    def titles(sha):
        return re.findall("<h3>(.*?)</h3>", results.paired(measured, {"adapter": sha}).html)

    base = "MoE-LoRA minus base", "LoRA minus base"
    assert titles("cd") == [base[0], "MoE-LoRA minus LoRA", base[1]]
    assert titles("ab") == [base[1], "LoRA minus MoE-LoRA", base[0]]


def test_table_tells_what_was_not_measured():
    """A metric that one model lacks is not shown as zero, unscored items are counted."""
    models = {
        "base": {},
        "moe_lora": {"response_nll": result(4.7, 4.6, 4.8, unscored=2)},
    }
    drawn = results.models(metrics(models=models)).html
    assert "not measured" in drawn
    assert "n = 10, 2 unscored" in drawn
    assert "[4.600, 4.800]" in drawn
