"""A real `bentoml serve` process, asked by OpenAI's own client."""

import json
import shutil
import socket
import subprocess
from pathlib import Path

import httpx
import openai
import pytest

from caretune.service import judge
from tests.house.closure import ROOT
from tests.service.conftest import assembled
from tests.service.process import BENTOML, Server, free_port, serving
from tests.service.test_events import keeping, read
from tests.unit.safety.test_fail_closed import without_head

pytestmark = pytest.mark.slow

_CANARY = "zzcanary"
_HELLO = [{"role": "user", "content": "I argued with my sister and keep thinking about it."}]
_NOTICE = "rehearsal release, not for people"


@pytest.fixture(scope="module")
def server(project):
    """One service for all tests that only ask."""
    with serving(project, python_path=ROOT) as running:
        yield running


@pytest.fixture
def client(server: Server):
    """OpenAI's client, pointed at the service."""
    http = httpx.Client(trust_env=False)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=http) as found:
        yield found


def _get(server: Server, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", trust_env=False)


def test_it_is_ready_and_says_what_it_serves(server):
    """/readyz is 200, and GET /v1/release has the digest."""
    assert _get(server, "/readyz").status_code == 200
    found = _get(server, "/v1/release").json()
    assert (found["ready"], found["level"], found["notice"]) == (True, "rehearsal", _NOTICE)


def test_openais_client_gets_a_reply_that_names_release_and_notice(server, client):
    """The official client parses the answer; header and body say that it is a rehearsal."""
    raw = client.chat.completions.with_raw_response.create(
        model="caretune", messages=_HELLO, max_tokens=12
    )
    assert raw.headers["x-caretune-notice"] == _NOTICE
    answer = raw.parse()
    assert answer.choices[0].finish_reason in {"stop", "length", "content_filter"}
    assert answer.usage.completion_tokens <= 12
    assert answer.caretune["notice"] == _NOTICE
    assert answer.caretune["release"] == _get(server, "/v1/release").json()["release"]


def _streamed(client, **asked):
    """Return the text of a stream, and its last chunk."""
    chunks = list(client.chat.completions.create(model="caretune", stream=True, **asked))
    assert chunks[0].choices[0].delta.role == "assistant"
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks[-1]


@pytest.mark.parametrize("max_tokens", [12, 100])
def test_openais_client_streams_the_same_text(client, max_tokens):
    """The plain text, unless the filters stop it; then the same stop each time."""
    plain = client.chat.completions.create(model="caretune", messages=_HELLO, max_tokens=max_tokens)
    text, last = _streamed(client, messages=_HELLO, max_tokens=max_tokens)
    assert last.caretune["release"] == plain.caretune["release"]
    if last.choices[0].finish_reason != "content_filter":
        assert text == plain.choices[0].message.content
        assert last.choices[0].finish_reason == plain.choices[0].finish_reason
        assert last.usage == plain.usage
    else:
        assert text == _streamed(client, messages=_HELLO, max_tokens=max_tokens)[0]


def test_a_crisis_gets_the_protocol_reply(client):
    """Streaming or not, generated text does not answer it."""
    crisis = [{"role": "user", "content": "I have the pills and will kill myself tonight."}]
    plain = client.chat.completions.create(model="caretune", messages=crisis)
    assert plain.choices[0].finish_reason == "content_filter"
    assert plain.caretune["source"] == "protocol"
    text, last = _streamed(client, messages=crisis)
    assert text == plain.choices[0].message.content
    assert last.caretune == plain.caretune


def test_openais_client_raises_its_own_errors(client):
    """Errors have the shape and the status that the client knows."""
    with pytest.raises(openai.BadRequestError, match="expected role"):
        client.chat.completions.create(model="caretune", messages=[{"role": "bot", "content": "x"}])
    with pytest.raises(openai.NotFoundError, match="only the model 'caretune'"):
        client.chat.completions.create(model="gpt-4o", messages=_HELLO)
    assert [model.id for model in client.models.list()] == ["caretune"]


def test_it_listens_on_loopback_alone(server):
    """Another address of this machine finds nobody."""
    port = int(server.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", port), timeout=2)


def test_metric_labels_hold_no_path_that_a_client_chose(server):
    """Wrong paths make one series."""
    for number in range(3):
        assert _get(server, f"/{_CANARY}/{number}").status_code == 404
    metrics = _get(server, "/metrics").text
    assert 'endpoint="/unmatched"' in metrics
    assert _CANARY not in metrics


def test_no_text_of_a_request_is_logged(server):
    """Answers, errors and broken bodies: the process's whole output holds none of it."""
    url = f"{server.url}/v1/chat/completions"
    bodies = [
        json.dumps({"messages": [{"role": "user", "content": f"{_CANARY} hello"}]}),
        json.dumps({"messages": [{"role": _CANARY, "content": _CANARY}]}),
        json.dumps({"messages": _CANARY}),
        f"{{{_CANARY}",
    ]
    statuses = [httpx.post(url, content=body, trust_env=False).status_code for body in bodies]
    assert statuses == [200, 400, 400, 400]
    log = server.log.read_text()
    assert "release_loaded" in log
    assert _CANARY not in log


def test_one_flipped_byte_is_not_ready_and_the_reason_names_the_file(own_project):
    """The process is up and says why it answers nothing, without a path of this machine."""
    path = own_project / "models/release/filters/protocol.json"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with serving(own_project, python_path=ROOT) as server:
        assert _get(server, "/livez").status_code == 200
        assert _get(server, "/readyz").status_code == 503
        reason = _get(server, "/v1/release").json()["reason"]
        assert reason.startswith("models/release: filters/protocol.json has sha256")
        sent = {"messages": _HELLO}
        answer = httpx.post(f"{server.url}/v1/chat/completions", json=sent, trust_env=False)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "not_ready"
        assert reason in server.log.read_text()


_BREAKS = """\
from pathlib import Path

from caretune.safety import toxicity

assess = toxicity.assess


def breakable(*found):
    if Path("broken").exists():
        raise ArithmeticError("zzcanary")
    return assess(*found)


toxicity.assess = breakable
"""


def test_a_filter_that_raises_is_seen_from_request_to_alert(own_project, tmp_path):
    """Fixed replies, 503 of /readyz, a reason, the log, /metrics, events, and an alert of monitor."""
    log = keeping(own_project)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(_BREAKS)
    with serving(own_project, python_path=f"{tmp_path / 'path'}:{ROOT}") as server:
        assert _get(server, "/readyz").status_code == 200
        for broken in (False, True):
            if broken:
                (own_project / "broken").touch()
            for stream in (False, True):
                sent = {"messages": _HELLO, "max_tokens": 12, "stream": stream}
                answer = httpx.post(
                    f"{server.url}/v1/chat/completions", json=sent, trust_env=False, timeout=30
                )
                assert answer.status_code == 200
                assert not broken or '"source":"protocol"' in answer.text
        assert _get(server, "/readyz").status_code == 503
        released = _get(server, "/v1/release").json()
        assert (released["ready"], released["reason"]) == (False, judge.FAILING)
        assert "caretune_filter_failures_total 2.0" in _get(server, "/metrics").text
        assert '"filter failed"' in server.log.read_text()
        assert "ArithmeticError" in server.log.read_text()
        assert _CANARY not in server.log.read_text()
        (own_project / "broken").unlink()
        assert _get(server, "/readyz").status_code == 200
        assert _get(server, "/v1/release").json()["ready"] is True
    assert [event.role for event in read(log)].count("conversation") == 4
    command = [BENTOML.with_name("caretune"), "monitor", log.name]
    done = subprocess.run(command, cwd=own_project, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "filter_failures: 2 messages, more than 0" in done.stdout


def test_a_bundle_without_a_head_is_not_ready(own_project):
    """The process is up, /readyz is 503, and route and log say which canary it was."""
    assembled(own_project, lambda filters: without_head(filters, "severity/imminent"))
    with serving(own_project, python_path=ROOT) as server:
        assert _get(server, "/livez").status_code == 200
        assert _get(server, "/readyz").status_code == 503
        reason = _get(server, "/v1/release").json()["reason"]
        assert "now has another" in reason
        assert reason in server.log.read_text()


def test_a_port_in_use_is_one_sentence(project, tmp_path):
    """No traceback: the port, and what to do."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = subprocess.run(
            [BENTOML, "serve", ".", "--port", str(port)],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_release_is_served_after_a_roll_back(own_project: Path, project: Path):
    """What lies in models/release at the start is what answers."""
    shutil.rmtree(own_project / "models/release")
    with serving(own_project, python_path=ROOT) as server:
        assert _get(server, "/readyz").status_code == 503
    shutil.copytree(project / "models/release", own_project / "models/release")
    with serving(own_project, python_path=ROOT) as server:
        assert _get(server, "/readyz").status_code == 200
