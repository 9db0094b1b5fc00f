"""From a request to an alert: the service's events, read by `caretune monitor`."""

import json

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient
from typer.testing import CliRunner

from caretune.cli import monitor
from caretune.monitoring.log import Reader
from caretune.safety import toxicity
from caretune.service import routes, state
from tests.fixtures.moe_lora import PEFT_WARNS
from tests.unit.service.test_journal import FULL

_CANARY = "zzcanary"
_CHAT = "/v1/chat/completions"
_CALM = "I argued with my sister and I keep thinking about it."
_GRAVE = "I have the pills here and I am going to kill myself tonight."


def keeping(project, log="events.jsonl"):
    """Set the log of a project."""
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("  events: null\n", f"  events: {log}\n", 1))
    return project / log


@pytest.fixture
def log(own_project):
    """The log of the test's own project."""
    return keeping(own_project)


@pytest.fixture
def client(own_project, log):
    """The real app over real filters and a real tiny model."""
    app = routes.application()
    app.state.serving = state.load(own_project)
    return TestClient(app)


def chat(text, **fields):
    """Return the body of a chat request."""
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 8, **fields}


def read(log):
    """Return the events of a log, all of whose lines are events."""
    reader = Reader()
    with log.open("rb") as file:
        events = list(reader.read(file))
    assert (reader.lines.unreadable, reader.lines.torn, reader.lines.other) == (0, 0, 0)
    return events


def monitored(log, *arguments):
    """Run `caretune monitor` on a log with the project's params."""
    app = typer.Typer()
    app.command()(monitor.monitor)
    params = ["--params", str(log.parent / "params.yaml")]
    return CliRunner().invoke(app, [str(log), *params, *arguments])


@PEFT_WARNS
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_makes_an_event_and_so_does_its_reply(client, log, stream):
    """The conversation, then the generated reply, plain or streamed; both name the bundle served."""
    assert client.post(_CHAT, json=chat(_CALM, stream=stream)).status_code == 200
    asked, said = read(log)
    assert [asked.role, said.role] == ["conversation", "assistant"]
    assert asked.action == "allow"
    assert {asked.digest, said.digest} == {client.get("/v1/release").json()["filter_digest"]}


@PEFT_WARNS
def test_a_protocol_reply_makes_one_event(client, log):
    """Nothing was generated, so nothing more was judged."""
    client.post(_CHAT, json=chat(_GRAVE))
    (event,) = read(log)
    assert event.action == "escalate"
    assert event.severity in {"high", "imminent"}


@PEFT_WARNS
def test_a_scan_makes_one_event(client, log):
    """Whoever scans with the service is monitored like whoever chats."""
    client.post("/v1/scan", json={"text": _CALM})
    client.post("/v1/scan", json={"turns": [{"role": "user", "content": _GRAVE}]})
    assert [event.role for event in read(log)] == ["user", "conversation"]


@PEFT_WARNS
def test_no_text_and_no_id_gets_into_the_log(client, log):
    """Words of the taxonomy alone, whatever a client puts where."""
    for sent in (chat(f"{_CANARY} {_CALM}"), chat(f"{_GRAVE} {_CANARY}", user=_CANARY)):
        client.post(_CHAT, json=sent)
    client.post("/v1/scan", json={"text": _CANARY, "id": _CANARY, "context": _CANARY})
    assert len(read(log)) >= 3
    assert _CANARY not in log.read_text()


@PEFT_WARNS
def test_what_the_service_saw_is_what_monitor_reports(client, log, monkeypatch):
    """Imminent messages and a filter that raised: counters, alerts, Prometheus text, exit code 3."""
    client.post(_CHAT, json=chat(_CALM))
    for _ in range(6):
        client.post(_CHAT, json=chat(_GRAVE))
    with monkeypatch.context() as patch:
        patch.setattr(toxicity, "assess", lambda *_: 1 / 0)
        client.post(_CHAT, json=chat(_CALM, stream=True))
    events = read(log)
    found = monitored(log, "--format", "json")
    report = json.loads(found.stdout)
    assert found.exit_code == 3
    assert report["lines"]["events"] == len(events) == 9
    assert report["counters"]["severities"]["imminent"] == 6
    assert report["counters"]["filter_failures"] == 1
    assert {"filter_failures", "imminent_messages"} <= {a["rule"] for a in report["alerts"]}
    assert "read docs/runbooks/filter_failures.md" in monitored(log).stdout
    text = monitored(log, "--format", "prometheus").stdout
    assert 'caretune_alert{rule="imminent_messages"} 1.0' in text
    assert "caretune_filter_failures_total 1.0" in text


@PEFT_WARNS
def test_the_counters_of_the_process_are_those_of_its_log(client, log):
    """What /metrics adds says the same as `caretune monitor` of everything since the start."""
    for text in (_CALM, _GRAVE):
        client.post(_CHAT, json=chat(text))
    journal = client.app.state.serving.desk._journal
    families = ("caretune_severities", "caretune_actions", "caretune_messages")
    assert _values(journal.prometheus(), families) == _values(
        monitored(log, "--format", "prometheus").stdout, families
    )


def _values(text, names):
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in names
        for sample in family.samples
    }


@PEFT_WARNS
@pytest.mark.parametrize("path", [pytest.param("/dev/full", marks=FULL), "nowhere/events.jsonl"])
def test_a_log_that_cannot_be_written_changes_no_answer(own_project, project, path):
    """A full disk and a missing folder: the same replies, plain and streamed, and a count."""
    keeping(own_project, path)
    app, calm = routes.application(), routes.application()
    app.state.serving, calm.state.serving = state.load(own_project), state.load(project)
    for sent in (chat(_CALM), chat(_CALM, stream=True), chat(_GRAVE)):
        found, expected = (
            TestClient(app).post(_CHAT, json=sent),
            TestClient(calm).post(_CHAT, json=sent),
        )
        assert found.status_code == 200
        if "stream" not in sent:
            assert found.json()["choices"] == expected.json()["choices"]
        else:
            assert found.text.endswith("data: [DONE]\n\n")
    assert app.state.serving.desk._journal.lost == 5
