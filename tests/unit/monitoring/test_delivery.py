"""An alert reaches log, file and webhook, once in a while, and never stops what is watched."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from structlog.testing import capture_logs

from caretune.monitoring import delivery
from caretune.monitoring.delivery import Alert, Delivery

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)


def alert(minutes=0, **changed):
    """Return an alert so many minutes after noon, with changes."""
    values = {
        "rule": "loss_spike",
        "subject": "moe_lora",
        "value": 2.5,
        "threshold": 2.0,
        "unit": "times the usual loss",
        "step": 40,
        "runbook": "docs/runbooks/loss_spike.md",
    }
    return Alert(time=NOON + timedelta(minutes=minutes), **(values | changed))


@pytest.fixture
def server(monkeypatch):
    """Run a server on this machine; `answer` is a status, or seconds that it waits first."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            if self.server.hangs:
                self.server.over.wait(10)
            self.send_response(self.server.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.got, running.status, running.hangs = [], 200, False
    running.over = threading.Event()
    running.address = f"http://127.0.0.1:{running.server_port}/hook/secret"
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running
    running.over.set()
    running.shutdown()
    running.server_close()
    thread.join()


def test_an_alert_goes_to_log_file_and_webhook(server, tmp_path):
    """The same figures everywhere; chat programs find their sentence in `text`."""
    file = tmp_path / "new" / "alerts.jsonl"
    with capture_logs() as logs:
        assert Delivery(HALF_HOUR, file, server.address).tell(alert())
    fields = msgspec.to_builtins(alert())
    assert json.loads(file.read_text()) == fields
    text = (
        "loss_spike: moe_lora at step 40: 2.5 times the usual loss (limit 2). "
        "Read docs/runbooks/loss_spike.md"
    )
    assert server.got == [("/hook/secret", "application/json", fields | {"text": text})]
    del fields["time"]
    assert logs == [{"event": "alert", "log_level": "warning", **fields}]


def test_without_a_step_the_sentence_names_none():
    """A stage has no steps."""
    assert alert(step=None).sentence.startswith("loss_spike: moe_lora: 2.5")


def test_the_same_alert_is_told_again_only_after_a_while():
    """Half an hour is told again, a minute less is not; the time since it was told counts."""
    told = Delivery(HALF_HOUR, None, None)
    assert [told.tell(alert(minutes)) for minutes in (0, 29, 30, 45, 60)] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_another_rule_or_subject_is_another_alert():
    """A silence about one thing hides no other."""
    told = Delivery(HALF_HOUR, None, None)
    assert told.tell(alert())
    assert told.tell(alert(subject="lora"))
    assert told.tell(alert(rule="full_memory"))
    assert told.tell(alert(detail="expert a"))
    assert told.tell(alert(detail="expert b"))
    assert not told.tell(alert(detail="expert a"))


def test_a_detail_stands_behind_the_unit():
    """Which expert, for example."""
    assert "loss, expert a (limit 2)" in alert(detail="expert a").sentence


def test_a_resumed_run_remembers_by_the_file(tmp_path):
    """What was told before the kill is not told again; a line that cannot be read is passed over."""
    file = tmp_path / "alerts.jsonl"
    Delivery(HALF_HOUR, file, None).tell(alert())
    with file.open("ab") as lines:
        lines.write(b'{"rule":"loss_sp\n\xff\n')
    resumed = Delivery(HALF_HOUR, file, None)
    assert not resumed.tell(alert(10))
    assert resumed.tell(alert(10, subject="lora"))
    assert Delivery(HALF_HOUR, None, None).tell(alert(10))


def test_a_long_file_is_read_from_its_end(tmp_path, monkeypatch):
    """Memory and time do not grow with the years."""
    file = tmp_path / "alerts.jsonl"
    told = Delivery(HALF_HOUR, file, None)
    told.tell(alert(subject="old"))
    told.tell(alert())
    monkeypatch.setattr(delivery, "_TAIL_BYTES", 300)
    resumed = Delivery(HALF_HOUR, file, None)
    assert resumed.tell(alert(subject="old"))
    assert not resumed.tell(alert())


def faults(logs):
    """Return where alerts could not be delivered, and why."""
    return [(log["to"], log["reason"]) for log in logs if log["event"] == "alert_not_delivered"]


def test_a_refusing_webhook_is_said_once_until_it_works(server):
    """Every alert is tried; the log tells of the fault when it begins, never the address."""
    told = Delivery(timedelta(0), None, server.address)
    with capture_logs() as logs:
        for status in (500, 500, 200, 404):
            server.status = status
            told.tell(alert())
    assert faults(logs) == [("webhook", "HTTP 500"), ("webhook", "HTTP 404")]
    assert len(server.got) == 4
    assert "secret" not in str(logs)


def test_a_webhook_that_hangs_costs_the_timeout(server, monkeypatch):
    """The training goes on after it."""
    monkeypatch.setattr(delivery, "TIMEOUT_S", 0.2)
    server.hangs = True
    begun = time.monotonic()
    with capture_logs() as logs:
        assert Delivery(HALF_HOUR, None, server.address).tell(alert())
    assert 0.2 <= time.monotonic() - begun < 2
    assert faults(logs) == [("webhook", "no answer within 0.2 s")]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        pytest.param("file:///etc/passwd", "the address is not http:// or https://", id="a file"),
        pytest.param("http://127.0.0.1:1/secret", "URLError", id="nobody listens"),
        pytest.param("http://[secret/", "ValueError", id="no address"),
        pytest.param("http://127.0.0.1:1/a secret", "InvalidURL", id="a blank"),
    ],
)
def test_an_address_of_no_use_is_a_sentence_in_the_log(server, address, reason):
    """Nothing is raised, and the address stays secret."""
    with capture_logs() as logs:
        assert Delivery(HALF_HOUR, None, address).tell(alert())
    assert faults(logs) == [("webhook", reason)]
    assert "secret" not in str(faults(logs))


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path):
    """A folder in its place, or a file where its folder should be."""
    (tmp_path / "file").touch()
    with capture_logs() as logs:
        assert Delivery(HALF_HOUR, tmp_path, None).tell(alert())
        assert Delivery(HALF_HOUR, tmp_path / "file" / "alerts", None).tell(alert())
    assert faults(logs) == [("file", "Is a directory"), ("file", "File exists")]


def test_a_file_that_cannot_be_read_stops_nothing(tmp_path, monkeypatch):
    """What was told before is then not known."""
    file = tmp_path / "alerts.jsonl"
    Delivery(HALF_HOUR, file, None).tell(alert())

    def refuse(*_arguments, **_named):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(file), "open", refuse)
    with capture_logs() as logs:
        assert Delivery(HALF_HOUR, file, None).tell(alert())
    assert faults(logs) == [("file", "Permission denied")]


def test_params_and_environment_say_where_it_goes(server, tmp_path, monkeypatch):
    """A file is named from the project, also where a stage runs in a copy of it."""
    monkeypatch.setenv(delivery.WEBHOOK, server.address)
    told = delivery.begin(tmp_path, "logs/alerts.jsonl", 30)
    assert [told.tell(alert(minutes)) for minutes in (0, 29, 30)] == [True, False, True]
    assert len((tmp_path / "logs/alerts.jsonl").read_text().splitlines()) == 2
    assert len(server.got) == 2


def test_an_empty_variable_is_no_webhook(server, tmp_path, monkeypatch):
    """Log alone: nothing is posted, no file is made."""
    monkeypatch.setenv(delivery.WEBHOOK, "")
    with capture_logs() as logs:
        assert delivery.begin(tmp_path, None, 30).tell(alert())
    assert faults(logs) == []
    assert (server.got, list(tmp_path.iterdir())) == ([], [])
