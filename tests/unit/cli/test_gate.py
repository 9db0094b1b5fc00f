"""`caretune gate`: the verdict as a table and as an exit code."""

import pytest
import typer
from typer.testing import CliRunner

from caretune import records
from caretune.cli import gate
from caretune.errors import GateError
from tests.fixtures import evidence


def show(folder, *rules, check=True, **given):
    """Write a verdict and show it on a wide screen."""
    path = folder / "verdict.json"
    records.write_json(path, evidence.verdict(*rules, **given))
    app = typer.Typer()
    app.command()(gate.gate)
    arguments = ["--verdict", str(path), *(["--check"] if check else [])]
    return CliRunner(env={"COLUMNS": "160"}).invoke(app, arguments)


@pytest.mark.parametrize(("result", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_check_turns_the_verdict_into_an_exit_code(tmp_path, result, code):
    """0 pass, 1 fail, 3 inconclusive; without --check always 0."""
    rule = evidence.rule(result=result)
    assert show(tmp_path, rule, result=result).exit_code == code
    assert show(tmp_path, rule, result=result, check=False).exit_code == 0


def test_each_rule_is_a_line(tmp_path):
    """Name, value with its interval, threshold, items, whether it binds, and the answer."""
    line = next(line for line in show(tmp_path).output.splitlines() if "nll_below_base" in line)
    for part in ("response_nll - base -0.3 [-0.4, -0.2]", "≤ 0", "100", "yes", "pass"):
        assert part in line


def test_an_open_rule_tells_what_it_needs(tmp_path):
    """Not measured is said in words, with the number needed and the detail below the table."""
    rule = evidence.rule(
        value=None, low=None, high=None, needed_n=381, binds=False, detail="why [x]"
    )
    output = show(tmp_path, evidence.rule(), rule).output
    assert "not measured" in output
    assert "381" in output
    assert "nll_below_base: why [x]" in output


def test_no_verdict_is_one_sentence(tmp_path):
    """Before the gate has run there is nothing to show."""
    with pytest.raises(GateError, match="no verdict here"):
        gate.gate(path=tmp_path / "verdict.json", check=True)
