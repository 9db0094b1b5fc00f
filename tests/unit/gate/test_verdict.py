"""The verdict: what binds decides, and a verdict that does not hold is refused."""

import msgspec
import pytest

from caretune import records
from caretune.errors import GateError
from caretune.gate import verdict as verdicts
from tests.fixtures import evidence


@pytest.mark.parametrize(
    ("binding", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
    ],
)
def test_the_worst_binding_rule_decides(binding, expected):
    """Fail comes before inconclusive before pass."""
    assert verdicts.overall([evidence.rule(result=word) for word in binding]) == expected


def test_rules_that_do_not_bind_decide_nothing():
    """A failing rule that is only reported leaves the verdict alone."""
    rules = [evidence.rule(), evidence.rule(binds=False, result="fail")]
    assert verdicts.overall(rules) == "pass"


def test_a_verdict_over_nothing_is_refused():
    """Where no rule binds, nothing would have been required."""
    with pytest.raises(GateError, match="no rule binds at this level"):
        verdicts.overall([evidence.rule(binds=False)])


@pytest.mark.parametrize("judged", verdicts.LEVELS)
@pytest.mark.parametrize("asked", verdicts.LEVELS)
def test_a_verdict_holds_at_its_level_and_below(judged, asked):
    """Rehearsal never serves as staging; production serves everywhere."""
    verdict = evidence.verdict(level=judged)
    if verdicts.LEVELS.index(judged) >= verdicts.LEVELS.index(asked):
        verdicts.check(verdict, asked)
    else:
        with pytest.raises(GateError, match=f"the verdict is for level {judged}, but {asked}"):
            verdicts.check(verdict, asked)


@pytest.mark.parametrize("word", ["fail", "inconclusive"])
def test_only_a_pass_is_served(word):
    """Any other answer is refused, and the rules that stand in the way are named."""
    verdict = evidence.verdict(evidence.rule(result=word), result=word)
    with pytest.raises(GateError) as error:
        verdicts.check(verdict, "rehearsal")
    assert str(error.value) == (
        f"the verdict is {word}: nll_below_base ({word}). Only a pass is served."
    )


def test_a_verdict_that_contradicts_its_rules_is_refused():
    """An edited `result` does not hold against the rules beside it."""
    with pytest.raises(GateError, match="says pass, but its rules say fail: it was altered"):
        verdicts.check(evidence.verdict(evidence.rule(result="fail")), "rehearsal")


def test_a_verdict_reads_back_as_it_was_written(tmp_path):
    """verdict.json holds everything, in the keys that the formats page names."""
    path = tmp_path / "verdict.json"
    records.write_json(path, evidence.verdict())
    assert verdicts.read(path) == evidence.verdict()
    value = records.read_json(path)
    assert set(value) == {"level", "result", "rules", "subjects", "decoding", "fingerprint"}
    assert set(value["rules"][0]) >= {
        "name", "metric", "version", "value", "low", "high", "threshold", "baseline", "n",
        "needed_n", "binds", "result",
    }  # fmt: skip


@pytest.mark.parametrize("content", [None, b"{", b'{"level": "rehearsal"}'])
def test_an_unreadable_verdict_is_refused(tmp_path, content):
    """Missing, broken or of another shape: one sentence with the way out."""
    path = tmp_path / "verdict.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(GateError, match=r"no verdict here .* Run `dvc repro gate`\."):
        verdicts.read(path)


def test_other_bytes_than_those_judged_are_named():
    """The subject that changed is named with both digests."""
    verdict = evidence.verdict()
    verdicts.check_subjects(verdict, {"base": "b" * 64})
    with pytest.raises(
        GateError, match=r"base here has sha256 cccccccccccc, .* judged bbbbbbbbbbbb"
    ):
        verdicts.check_subjects(verdict, {"base": "c" * 64})
    with pytest.raises(GateError, match=r"filters here .* judged nothing"):
        verdicts.check_subjects(verdict, {"base": "b" * 64, "filters": "d" * 64})


def test_an_unknown_key_is_no_verdict(tmp_path):
    """A verdict with more than it should hold is of another version."""
    path = tmp_path / "verdict.json"
    records.write_json(path, msgspec.to_builtins(evidence.verdict()) | {"waived": True})
    with pytest.raises(GateError, match="unknown field `waived`"):
        verdicts.read(path)
