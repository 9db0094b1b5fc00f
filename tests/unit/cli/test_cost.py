"""`caretune cost`: what the runs of stages took."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from caretune.cli import cost as command
from caretune.errors import CaretuneError
from caretune.lineage import cost
from caretune.lineage.cost import WATTS_PER_CORE, Entry, Usage
from tests.house.closure import ROOT

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PARAMS = ["--params", str(ROOT / "params.yaml")]


def entry(number, stage, experiment=None, commit="c0ffee11aa", **used):
    """Return the run that began so many hours after noon; without usage it is unfinished."""
    values = {
        "wall_s": 3600.0,
        "cpu_s": 7200.0,
        "peak_bytes": 1 << 30,
        "peak_child_bytes": 0,
        "exit_code": 0,
    }
    usage = Usage(**(values | used)) if used.pop("ended", True) else None
    start = START + timedelta(hours=number)
    return Entry(f"run-{number}", stage, commit, experiment, start, usage)


RUNS = [
    entry(0, "filters"),
    entry(1, "train@lora", exit_code=2),
    entry(2, "train@lora", "warm", "decaf22bb", device="NVIDIA H200", gpu_wh=500.0, gpus=2),
    entry(3, "train@lora", "warm", "decaf22bb", device="NVIDIA L4"),
    entry(4, "evaluate", None, None, ended=False),
]


@pytest.fixture
def ledger(tmp_path):
    """Write the runs as a ledger whose last line is torn."""
    path = tmp_path / "costs.jsonl"
    for run in RUNS:
        cost.append(path, run)
    with path.open("ab") as file:
        file.write(b'{"run":')
    return path


def run(*arguments):
    """Call the command with the shipped params."""
    app = typer.Typer()
    app.command()(command.cost)
    return CliRunner().invoke(app, [*map(str, arguments), *PARAMS], env={"COLUMNS": "200"})


def test_three_tables_and_what_they_leave_out(ledger):
    """Sums by stage, commit and experiment, the total, and a sentence for all that is not in them."""
    shown = run("--ledger", ledger).stdout
    rows = {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for line in shown.splitlines()
        if len(cells := line.strip("│┃ ").replace("┃", "│").split("│")) > 2
    }
    assert rows["filters"] == ["1", "1.000", "2.000", "1.00", "0.0200", "0.1000", *"----"]
    assert rows["train@lora"] == [
        "3",
        "3.000",
        "6.000",
        "1.00",
        "1.0600",
        "8.1000",
        "1",
        "1",
        "-",
        "-",
    ]
    assert rows["c0ffee11"][:2] == ["2", "2.000"]
    assert rows["warm"][:2] == ["2", "2.000"]
    assert rows["total"] == ["5", "4.000", "8.000", "1.00", "1.0800", "8.2000", "1", "1", "-", "1"]
    assert shown.splitlines()[-3:] == [
        "no price in train.prices_usd_per_hour fits NVIDIA L4",
        "unfinished runs were killed or are still at work: their time is in no sum",
        "1 lines of the ledger cannot be read and are left out",
    ]


def test_json_has_the_same(ledger):
    """Whole commits, plain numbers, and null for nothing."""
    found = json.loads(run("--ledger", ledger, "--format", "json").stdout)
    assert list(found["by_stage"]) == ["evaluate", "filters", "train@lora"]
    assert list(found["by_commit"]) == ["c0ffee11aa", "decaf22bb"]
    assert list(found["by_experiment"]) == ["warm"]
    assert found["unreadable_lines"] == 1
    assert found["by_stage"]["filters"] == {
        "cpu_hours": 2.0, "failed": 0, "hours": 1.0, "kwh": 0.02, "peak_bytes": 1 << 30, "runs": 1,
        "stopped": 0, "unfinished": 0, "unpriced": 0, "usd": 0.1,
    }  # fmt: skip
    assert found["total"]["runs"] == 5


def test_since_leaves_out_what_began_before(ledger):
    """The time is UTC; without experiments there is no table of them."""
    found = json.loads(
        run("--ledger", ledger, "--since", "2026-11-20T16:00:00", "--format", "json").stdout
    )
    assert (list(found["by_stage"]), found["by_experiment"]) == (["evaluate"], {})
    shown = run("--ledger", ledger, "--since", "2026-11-20T16:00:00").stdout
    assert "experiment" not in shown
    assert "no price" not in shown


def test_a_ledger_without_faults_is_shown_without_remarks(tmp_path):
    """Only what is left out is told."""
    cost.append(tmp_path / "costs.jsonl", RUNS[0])
    assert run("--ledger", tmp_path / "costs.jsonl").stdout.splitlines()[-1].startswith("└")


def test_no_ledger_and_no_run_are_a_sentence(ledger, tmp_path):
    """What begins one, and what to name instead."""
    error = run("--ledger", tmp_path / "none").exception
    assert isinstance(error, CaretuneError)
    assert "no cost ledger yet" in str(error)
    error = run("--ledger", ledger, "--since", "2027-01-01").exception
    assert str(error) == (
        f"{ledger}: no run since 2027-01-01 00:00 UTC, and 1 lines that cannot be read. Name an "
        "earlier time, or run `dvc repro`."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "no run. Run `dvc repro`.", id="empty"),
        pytest.param(
            'one\n{"run":', "no run, and 2 lines that cannot be read. Run `dvc repro`.", id="torn"
        ),
    ],
)
def test_a_ledger_without_a_readable_run_says_so(tmp_path, content, said):
    """Lost lines are counted, and no other time is asked for where none was named."""
    (tmp_path / "torn").write_text(content)
    error = run("--ledger", tmp_path / "torn").exception
    assert str(error) == f"{tmp_path / 'torn'}: {said}"


def test_help_explains_every_column():
    """Nobody has to read the code to know what a figure means."""
    page = run("--help").stdout
    for heading in command._HEADINGS:
        assert heading.split(",")[0] in page
    assert f"{WATTS_PER_CORE:g} W" in page
    assert "train.prices_usd_per_hour" in page
