"""Filters that do not hold are not served: the reason has a name, and nothing is answered."""

import asyncio
import json

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from caretune import records
from caretune.safety import appropriateness, bias, crisis, gates, language, pii, toxicity
from caretune.service import judge, routes, state
from tests.fixtures.moe_lora import PEFT_WARNS
from tests.service.conftest import assembled
from tests.unit.safety.test_fail_closed import sealed, without_head

_CANARY = "zzcanary"
_CHAT = "/v1/chat/completions"
_SENT = {"messages": [{"role": "user", "content": f"What time is it? {_CANARY}"}], "max_tokens": 8}
_STEPS = [
    pytest.param(module, name, id=module.__name__.rpartition(".")[2])
    for module, name in (
        (language, "detect"),
        (crisis, "assess"),
        (toxicity, "assess"),
        (pii, "detect"),
        (bias, "assess"),
        (appropriateness, "assess"),
        (gates, "assess"),
    )
]


def _broken(*_):
    raise ArithmeticError(_CANARY)


def _client(project):
    app = routes.application()
    app.state.serving = state.load(project)
    return TestClient(app)


def _ready(client):
    """Return what /readyz answers by (tests/service/test_process.py asks the route itself)."""
    return asyncio.run(client.app.state.serving.ready())


def _refused(project, reason):
    """Assert that a project is not served, for a reason that client, route and log are told."""
    with capture_logs() as logged:
        client = _client(project)
    assert not _ready(client)
    said = client.get("/v1/release").json()
    assert said["ready"] is False
    assert reason in said["reason"]
    (refused,) = [line for line in logged if line["event"] == "release_refused"]
    assert refused["reason"] == said["reason"]
    for path, body in ((_CHAT, _SENT), ("/v1/scan", {"text": "hello"})):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    return logged


@PEFT_WARNS
def test_a_whole_release_is_ready(project):
    """The tests below can fail."""
    client = _client(project)
    assert _ready(client)
    assert client.get("/v1/release").json()["ready"] is True


def test_an_altered_pattern_file_is_not_served(own_project):
    """The manifest names the file."""
    path = own_project / "models/release/filters/patterns.json"
    records.write_json(path, records.read_json(path)[1:])
    _refused(own_project, "models/release: filters/patterns.json has sha256")


def test_patterns_altered_before_the_verdict_are_not_served(own_project):
    """Manifest and verdict agree with the altered file; the bundle itself does not."""

    def alter(filters):
        path = filters / "patterns.json"
        records.write_json(path, records.read_json(path)[1:])

    assembled(own_project, alter)
    _refused(own_project, "filters/patterns.json: has other bytes than bundle.json says")


@pytest.mark.parametrize("head", ["severity/imminent", "toxic"])
def test_a_bundle_without_a_head_is_not_served(own_project, head):
    """Every digest agrees, and the canaries do not; the log has the error that the head's lack raised."""
    assembled(own_project, lambda filters: without_head(filters, head))
    logged = _refused(own_project, "now has another")
    assert ("filter failed", "KeyError") in {(line["event"], line.get("error")) for line in logged}


def test_a_list_with_a_head_too_many_is_not_served(own_project):
    """The file of the heads is named."""

    def alter(filters):
        header = records.read_json(filters / "bundle.json")
        header["heads"].append("toxicity/made_up")
        records.write_json(filters / "bundle.json", header)
        sealed(filters)

    assembled(own_project, alter)
    _refused(own_project, "filters/heads.safetensors: weights have shape")


@pytest.mark.parametrize(("module", "name"), _STEPS)
def test_a_step_that_raises_at_the_start_is_not_served(project, monkeypatch, module, name):
    """The canaries fail, and the log has the error."""
    monkeypatch.setattr(module, name, _broken)
    logged = _refused(project, "now has another")
    assert "ArithmeticError" in {line.get("error") for line in logged}


@PEFT_WARNS
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("module", "name"), _STEPS)
def test_a_step_that_begins_to_raise_blocks_and_ends_readiness(
    project, monkeypatch, module, name, stream
):
    """A fixed reply in place of any generated one, named in log and route; ready when it is over."""
    client = _client(project)
    with monkeypatch.context() as patch, capture_logs() as logged:
        patch.setattr(module, name, _broken)
        answer = client.post(_CHAT, json={**_SENT, "stream": stream})
        scanned = client.post("/v1/scan", json={"text": _CANARY, "role": "assistant"}).json()
        released = client.get("/v1/release").json()
        assert not _ready(client)
    assert answer.status_code == 200
    ending = json.loads(answer.text.split("data: ")[-2]) if stream else answer.json()
    assert ending["caretune"]["source"] in {"protocol", "safe_reply"}
    assert ending["choices"][0]["finish_reason"] == "content_filter"
    assert (released["ready"], released["reason"]) == (False, judge.FAILING)
    assert module is crisis or scanned["action"] == "block"
    failed = [line for line in logged if line["event"] == "filter failed"]
    assert {line["error"] for line in failed} == {"ArithmeticError"}
    assert _CANARY not in f"{logged}{answer.text}{released}"
    assert _ready(client)
    assert client.get("/v1/release").json()["ready"] is True
