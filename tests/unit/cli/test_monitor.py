"""`caretune monitor`: what event logs say."""

import json
import re

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from caretune import records
from caretune.cli import monitor
from caretune.errors import CaretuneError, ParamsError
from caretune.monitoring import alerts
from caretune.params import loader
from caretune.params.monitoring import Monitoring
from caretune.records import encode
from caretune.safety.taxonomy import Severity
from tests.house.closure import ROOT
from tests.unit.monitoring.made import event

PARAMS = ["--params", str(ROOT / "params.yaml")]


def run(*arguments, stdin=b""):
    """Call the command with the shipped params."""
    app = typer.Typer()
    app.command()(monitor.monitor)
    return CliRunner().invoke(app, [*map(str, arguments), *PARAMS], input=stdin)


@pytest.fixture
def write(tmp_path):
    """Write events as a log."""

    def to(name, events):
        path = tmp_path / name
        records.write(path, events)
        return path

    return to


CALM = [event(minute) for minute in range(30)]
BURST = [event(60 + minute, severity=Severity.IMMINENT) for minute in range(7)]


def test_the_whole_report(write):
    """Lines, counters, windows and alerts, each named; an alert is exit code 3."""
    result = run(write("log", [*CALM, *BURST]))
    assert (
        result.stdout
        == """\
37 events, 2026-11-20 12:00 to 2026-11-20 14:00 UTC; 0 other lines, 0 unreadable, 0 torn, 0 events with unknown fields
severities    none 30, imminent 7
messages      user 37
actions       allow 37
crisis types  none
toxicity      none
bias          none
violations    none
pii           none
gates failed  none
latency       p50 0.505 ms, p99 0.505 ms

window (UTC)         events  imminent  unscored   replies   stopped  with pii  failures
2026-11-20 12:00         30         0         0         0         0         0         0
2026-11-20 13:00          7         7         0         0         0         0         0

1 alert
imminent_messages: 7 an hour, more than 5, 2026-11-20 13:00 to 2026-11-20 14:00 UTC: read docs/runbooks/imminent_messages.md
"""
    )
    assert result.exit_code == 3


def test_a_calm_log_is_exit_code_0(write):
    """No alert is said as well."""
    result = run(write("log", CALM))
    assert result.stdout.endswith("\nno alert\n")
    assert result.exit_code == 0


def test_json_holds_the_same(write):
    """Every counter, every window, every alert as plain values."""
    result = run(write("log", [*CALM, *BURST]), "--format", "json")
    found = json.loads(result.stdout)
    assert set(found) == {"lines", "counters", "windows", "alerts"}
    assert found["counters"]["severities"]["imminent"] == 7
    assert [window["imminent_per_hour"] for window in found["windows"]] == [0, 7]
    assert found["alerts"] == [
        {
            "rule": "imminent_messages",
            "value": 7,
            "threshold": 5,
            "unit": "an hour",
            "since": "2026-11-20T13:00:00Z",
            "until": "2026-11-20T14:00:00Z",
            "times": 1,
            "runbook": "docs/runbooks/imminent_messages.md",
        }
    ]
    assert result.exit_code == 3


def test_prometheus_shows_every_rule(write):
    """One series a rule, 1 where it fires; the text is what Prometheus reads."""
    result = run(write("log", [*CALM, *BURST]), "--format", "prometheus")
    (family,) = [
        family
        for family in text_string_to_metric_families(result.stdout)
        if family.name == "caretune_alert"
    ]
    values = {sample.labels["rule"]: sample.value for sample in family.samples}
    assert len(values) == 8
    assert [rule for rule, value in values.items() if value] == ["imminent_messages"]
    assert result.exit_code == 3


def test_several_logs_are_one_whatever_their_order(write):
    """Files and standard input add up, and give equal bytes in any order."""
    calm, burst = write("a", CALM), write("b", BURST)
    piped = b"".join(encode(each) + b"\n" for each in BURST)
    for form in ("text", "json", "prometheus"):
        there = run(calm, burst, "--format", form)
        assert run(burst, calm, "--format", form).stdout == there.stdout
        assert run("-", calm, "--format", form, stdin=piped).stdout == there.stdout
    assert run(stdin=piped).exit_code == 3


def test_since_leaves_out_what_was_dealt_with(write):
    """Earlier events count nowhere, so that a growing log can be calm again."""
    late = [event(180 + minute) for minute in range(3)]
    log = write("log", [*BURST, *late])
    assert run(log).exit_code == 3
    result = run(log, "--since", "2026-11-20T14:00:00")
    assert result.stdout.startswith("3 events, 2026-11-20 15:00")
    assert result.exit_code == 0


def test_what_is_no_event_is_counted_and_never_shown(write):
    """A torn last line is named apart; a log with many bad lines is an alert of its own."""
    lines = b"".join(encode(each) + b"\n" for each in CALM)
    result = run(stdin=lines + b'{"event": "fault"}\nmy secret\n{"my secret": 1}\n{"time": "my se')
    assert "1 other lines, 2 unreadable, 1 torn" in result.stdout
    assert "unreadable_log: 0.0625 of all lines, more than 0.01" in result.stdout
    assert "secret" not in result.output
    assert result.exit_code == 3


@pytest.mark.parametrize("content", [b"", b"\n", b'{"text": "hello"}\n'])
def test_a_log_without_events_is_one_sentence(tmp_path, content):
    """Nothing to count is an error, never a calm report."""
    path = tmp_path / "log"
    path.write_bytes(content)
    error = run(path).exception
    assert isinstance(error, CaretuneError)
    assert str(error).startswith(f"{path}: no event, ")
    assert str(error).endswith("Name logs that `caretune scan --events` or the service wrote.")


def test_nothing_since_is_an_error_too(write):
    """The sentence says since when."""
    error = run(write("log", CALM), "--since", "2026-11-21").exception
    assert "no event since 2026-11-21 00:00 UTC, 0 other lines" in str(error)


def test_missing_files_and_folders_are_one_sentence(tmp_path):
    """The path and the system's reason, before anything is printed."""
    for path, fault in ((tmp_path / "missing", "No such file"), (tmp_path, "Is a directory")):
        result = run(path)
        assert isinstance(result.exception, CaretuneError)
        assert str(result.exception).startswith(f"{path}: cannot be read ({fault}")
        assert result.stdout == ""


def test_params_are_checked_first(write, tmp_path):
    """Limits out of range stop the report, all at once."""
    values = loader.read_yaml(ROOT / "params.yaml")
    values["monitoring"] |= {"max_unscored_rate": 2.0, "window_minutes": 10**9}
    path = tmp_path / "params.yaml"
    path.write_bytes(encode(values))
    with pytest.raises(ParamsError) as caught:
        monitor.monitor([write("log", CALM)], params=path)
    window, rate = caught.value.faults
    assert window.startswith("monitoring.window_minutes: input should be less than or equal to")
    assert rate.startswith("monitoring.max_unscored_rate: input should be less than or equal to 1")


def test_a_long_log_shows_its_last_day(write):
    """Text stays readable; JSON has every window."""
    log = write("log", [event(60 * hour) for hour in range(30)])
    text = run(log).stdout
    assert "the last 24 of 30 windows with events (--format json has all)" in text
    assert text.count("2026-11-2") == 24 + 2
    assert len(json.loads(run(log, "--format", "json").stdout)["windows"]) == 30


def test_help_teaches_by_an_example():
    """The page shows commands to type and every exit code."""
    page = run("--help").stdout
    assert "caretune monitor events.jsonl --since" in page
    assert "Exit code 0 without alerts, 3 with some" in page
    assert "service.events" in page


def test_help_names_every_alert_and_every_limit():
    """Nobody has to read params.yaml to learn what there is to set, and where figures come from."""
    page = run("--help").stdout
    limits = list(Monitoring.model_fields)
    assert len(limits) == 11
    assert [name for name in (*alerts.RULES, *limits) if name not in page] == []
    assert "starting points" in page
    assert "docs/runbooks" in page


@pytest.mark.parametrize("rule", alerts.RULES)
def test_every_runbook_says_its_limit_as_it_is_shipped(rule):
    """Name and value stand in params.yaml, and the page tells where the value comes from."""
    page = (ROOT / f"docs/runbooks/{rule}.md").read_text()
    ((name, value),) = re.findall(
        r"^\*\*Limit\*\*: `(\w+)`, ([\d.]+) as shipped", page, re.MULTILINE
    )
    assert float(value) == loader.read_yaml(ROOT / "params.yaml")["monitoring"][name]
