"""A revoked release is neither served nor built, whenever and however it was revoked."""

import asyncio
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from caretune.lineage import digest, revocation
from caretune.service import routes, state
from tests.fixtures.moe_lora import PEFT_WARNS
from tests.house.closure import ROOT
from tests.service.process import serving

_REASON = "its training data held a row that is suppressed"
_SENT = {"messages": [{"role": "user", "content": "I slept badly again."}], "max_tokens": 4}


def _client(project):
    app = routes.application()
    app.state.serving = state.load(project)
    return TestClient(app)


def revoke(project):
    """Put the release of a project on the list beside it, and return its digest."""
    folder = project / "models/release"
    name = digest.sha256_file(folder / "manifest.json")
    assert revocation.add(revocation.beside(folder), {name: _REASON}) == [name]
    return name


def _closed(client):
    """Assert that nothing is answered, and return the reason that the route gives."""
    assert asyncio.run(client.app.state.serving.ready()) is False
    said = client.get("/v1/release").json()
    assert said["ready"] is False
    for path, body in (("/v1/chat/completions", _SENT), ("/v1/scan", {"text": "hello"})):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
        assert said["reason"] in answer.json()["error"]["message"]
    assert client.get("/v1/models").json()["data"] == []
    return said["reason"]


def test_a_revoked_release_is_not_loaded(own_project):
    """As after a roll-back: the bytes are whole, the reason names the release and why."""
    name = revoke(own_project)
    with capture_logs() as logged:
        client = _client(own_project)
    assert _closed(client) == revocation.refusal(name, _REASON)
    assert [line["event"] for line in logged] == ["release_refused"]


@PEFT_WARNS
def test_a_release_that_is_revoked_while_it_is_served_stops(own_project):
    """No restart: the next request of any kind meets the reason; the release is still named."""
    client = _client(own_project)
    assert client.post("/v1/scan", json={"text": "hello"}).status_code == 200
    assert client.get("/v1/models").json()["data"] != []
    name = revoke(own_project)
    assert _closed(client) == revocation.refusal(name, _REASON)
    assert client.get("/v1/release").json()["release"] == name


@PEFT_WARNS
def test_another_release_on_the_list_changes_nothing(own_project):
    """The tests above can fail for the right reason."""
    revocation.add(own_project / "models/revoked.txt", {"0" * 64: _REASON})
    assert _client(own_project).get("/v1/release").json()["ready"] is True


def test_a_list_that_cannot_be_read_closes_the_service(own_project):
    """What it said must hold."""
    (own_project / "models/revoked.txt").write_text("half a line")
    assert "models/revoked.txt line 1" in _closed(_client(own_project))


@pytest.fixture
def service(own_project, monkeypatch):
    """The module of the service as `bentoml build` holds it, in a project's folder."""
    with warnings.catch_warnings():
        # bentoml 1.4.39 imports a pattern class that pathspec deprecates
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        from caretune.service import app
    monkeypatch.setattr(app.Caretune, "working_dir", str(own_project))
    monkeypatch.setattr(app.server_context, "worker_index", None)
    return app


def test_a_release_is_built_unless_it_is_revoked(service, own_project):
    """The schema is what BentoML asks for as it builds."""
    assert service.Caretune.schema()["name"] == "caretune"
    revoke(own_project)
    with pytest.raises(service.BentoMLException, match=_REASON):
        service.Caretune.schema()


def test_no_bento_is_built_without_a_release(service, own_project):
    """The sentence names the file."""
    (own_project / "models/release/manifest.json").unlink()
    with pytest.raises(service.BentoMLException, match=r"manifest.json: no such file"):
        service.Caretune.schema()


def test_a_worker_that_serves_still_tells_its_schema(service, own_project, monkeypatch):
    """There the reason stands in /v1/release."""
    revoke(own_project)
    monkeypatch.setattr(service.server_context, "worker_index", 1)
    assert service.Caretune.schema()["name"] == "caretune"


def _build(source, home):
    return subprocess.run(
        [Path(sys.executable).with_name("bentoml"), "build", ".", "--output", "tag"],
        cwd=source,
        env={**os.environ, "BENTOML_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_bentoml_build_refuses_a_revoked_release_and_takes_the_list_along(own_project, tmp_path):
    """No bento of the revoked one; a bento of another knows the list, and stops by it."""
    source, home = own_project, tmp_path / "home"
    for name in ("caretune", "deploy"):
        shutil.copytree(ROOT / name, source / name)
    revocation.add(source / "models/revoked.txt", {"0" * 64: "another release"})
    assert _build(source, home).returncode == 0
    (bento,) = (home / "bentos" / "caretune").glob("*/bento.yaml")
    travelled = bento.parent / "src/models/revoked.txt"
    assert travelled.read_bytes() == (source / "models/revoked.txt").read_bytes()
    revoke(source)
    refused = _build(source, home)
    assert refused.returncode != 0
    assert _REASON in " ".join((refused.stdout + refused.stderr).split())
    assert "Traceback" not in refused.stderr
    assert len(list((home / "bentos" / "caretune").glob("*/bento.yaml"))) == 1
    with serving(bento.parent) as server:
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 200
        travelled.write_bytes((source / "models/revoked.txt").read_bytes())
        assert httpx.get(f"{server.url}/readyz", trust_env=False).status_code == 503
        said = httpx.get(f"{server.url}/v1/release", trust_env=False).json()
        assert _REASON in said["reason"]
