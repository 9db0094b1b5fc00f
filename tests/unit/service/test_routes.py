"""caretune.service.routes: the HTTP face with stand-ins, and what never gets into a log."""

import asyncio
import json
import logging

import pytest
import structlog
from starlette.testclient import TestClient

from caretune.service import routes
from caretune.service.state import State
from tests.unit.service import stand_in

_CANARY = "zzcanary"
_OK = {"messages": [{"role": "user", "content": "hello"}]}


def _client(desk=None, **limits):
    app = routes.application()
    values = {"max_turns": 3, "max_body_bytes": 400, "timeout_s": 5.0} | limits
    app.state.serving = State(desk or stand_in.desk(), **values)
    return TestClient(app)


def _closed():
    app = routes.application()
    app.state.serving = State(None, "models/release/x is missing. Run `dvc repro`.")
    return TestClient(app)


def test_a_chat_completion_says_from_which_release_it_comes_and_that_it_is_a_rehearsal():
    """Every answer of a rehearsal release says so in the body and in a header."""
    answer = _client().post("/v1/chat/completions", json=_OK)
    assert answer.status_code == 200
    assert answer.headers["x-caretune-notice"] == stand_in.NOTICE
    body = answer.json()
    assert body["caretune"] == {
        "release": stand_in.RELEASE,
        "level": "rehearsal",
        "notice": stand_in.NOTICE,
        "filter_digest": stand_in.FILTERS,
        "decision": {"action": "allow", "severity": "none", "reasons": []},
        "source": "model",
        "expert": None,
    }
    assert body["choices"][0]["message"]["content"] == "model: hello"
    assert body["usage"] == {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


def _chunks(streamed):
    """Return the chunks of a stream that ends as it should."""
    *events, done, rest = streamed.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.parametrize("text", ["hello", "imminent danger", "please redact Anna", "now block it"])
def test_streaming_gives_the_same_filtered_text(text):
    """`stream: true` takes the same way: role, text, the end with its origin, [DONE]."""
    sent = {"messages": [{"role": "user", "content": text}]}
    plain = _client().post("/v1/chat/completions", json=sent).json()
    streamed = _client().post("/v1/chat/completions", json={**sent, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.headers["x-caretune-notice"] == stand_in.NOTICE
    first, *middle, last = _chunks(streamed)
    choice = plain["choices"][0]
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle)
    assert said == choice["message"]["content"]
    assert last["choices"][0]["finish_reason"] == choice["finish_reason"]
    assert (last["caretune"], last["usage"]) == (plain["caretune"], plain["usage"])


@pytest.mark.parametrize(
    ("text", "model", "code", "sentence"),
    [
        pytest.param(
            f"{_CANARY} burst",
            stand_in.StandInModel(),
            None,
            "a fault of the service; its place is in the log.",
            id="fault",
        ),
        pytest.param(
            _CANARY,
            stand_in.StandInModel(takes_s=0.4),
            "timeout",
            "no answer within 0.1 s. Ask for fewer tokens or try later.",
            id="late",
        ),
    ],
)
def test_what_goes_wrong_in_a_stream_is_an_error_event(text, model, code, sentence):
    """The status has gone: OpenAI's error object, no [DONE], nothing of the request."""
    sent = {"messages": [{"role": "user", "content": text}], "stream": True}
    with structlog.testing.capture_logs() as events:
        client = _client(stand_in.desk(model), timeout_s=0.1)
        answer = client.post("/v1/chat/completions", json=sent)
    _, error, rest = answer.text.split("\n\n")
    said = json.loads(error.removeprefix("data: "))["error"]
    assert (answer.status_code, rest) == (200, "")
    assert (said["message"], said["type"], said["code"]) == (sentence, "server_error", code)
    assert _CANARY not in f"{answer.text}{events}"


def test_a_fault_before_a_stream_has_begun_has_a_status():
    """The conversation is judged first."""
    sent = {"messages": [{"role": "user", "content": "boom"}], "stream": True}
    assert _client().post("/v1/chat/completions", json=sent).status_code == 500


def test_a_client_that_goes_away_ends_the_generation():
    """A connection that closes in the middle of a stream frees the model."""
    model = stand_in.StandInModel(word_takes_s=0.01)
    text = " ".join(["Nobody waits for this."] * 40)
    body = json.dumps({"messages": [{"role": "user", "content": text}], "stream": True}).encode()
    app = _client(stand_in.desk(model), max_body_bytes=4000).app
    sent = []

    async def main():
        asked, spoken = asyncio.Event(), asyncio.Event()

        async def receive():
            if not asked.is_set():
                asked.set()
                return {"type": "http.request", "body": body, "more_body": False}
            await spoken.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if b"Nobody" in message.get("body", b""):
                spoken.set()

        await app(_SCOPE, receive, send)
        return await asyncio.to_thread(model.ended.wait, 5)

    assert asyncio.run(main())
    assert len(sent) < 20
    assert len(model.heard) < 120


_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "POST",
    "path": "/v1/chat/completions",
    "raw_path": b"/v1/chat/completions",
    "root_path": "",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
}


def test_a_release_for_people_has_no_notice():
    """Only the production level speaks without a notice."""
    answer = _client(stand_in.desk(notice=None)).post("/v1/chat/completions", json=_OK)
    assert "x-caretune-notice" not in answer.headers
    assert answer.json()["caretune"]["notice"] is None


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/scan"])
def test_without_a_release_nothing_is_answered_and_the_reason_is_said(path):
    """Not ready: 503 in OpenAI's shape, with the sentence that names the file."""
    answer = _closed().post(path, json=_OK)
    assert answer.status_code == 503
    assert answer.json()["error"] == {
        "message": "not ready: models/release/x is missing. Run `dvc repro`.",
        "type": "server_error",
        "param": None,
        "code": "not_ready",
    }


def test_the_release_route_says_what_is_served_or_why_nothing_is():
    """GET /v1/release answers in both states."""
    assert _client().get("/v1/release").json() == {
        "ready": True,
        "release": stand_in.RELEASE,
        "level": "rehearsal",
        "result": "pass",
        "candidate": "moe_lora",
        "base": "rehearsal",
        "filter_digest": stand_in.FILTERS,
        "notice": stand_in.NOTICE,
    }
    assert _closed().get("/v1/release").json() == {
        "ready": False,
        "reason": "models/release/x is missing. Run `dvc repro`.",
    }


def test_the_model_list_holds_what_is_served():
    """One model where a release is loaded, none where not."""
    assert [m["id"] for m in _client().get("/v1/models").json()["data"]] == ["caretune"]
    assert _closed().get("/v1/models").json()["data"] == []


def test_a_scan_gives_the_decision_of_the_filters():
    """Text or turns in, the `caretune scan` object out, with the id that was sent."""
    found = _client().post("/v1/scan", json={"text": "redact Anna", "id": "7"}).json()
    assert (found["action"], found["id"], found["digest"]) == ("redact", "7", stand_in.FILTERS)
    turns = {"turns": [{"role": "user", "content": "imminent"}]}
    found = _client().post("/v1/scan", json=turns).json()
    assert found["crisis"]["severity"] == "imminent"
    assert "id" not in found


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({}, id="neither"),
        pytest.param({"text": _CANARY, "turns": []}, id="both"),
        pytest.param({"text": _CANARY, "role": _CANARY}, id="role"),
    ],
)
def test_a_scan_of_nothing_known_is_a_400(sent):
    """Exactly one of text and turns, and a known role."""
    answer = _client().post("/v1/scan", json=sent)
    assert answer.status_code == 400
    assert _CANARY not in answer.text


def test_a_body_over_the_limit_is_a_413():
    """The rest of the body is not read."""
    answer = _client().post("/v1/chat/completions", content=b" " * 401)
    assert answer.status_code == 413
    assert answer.json()["error"]["message"] == "the body is larger than 400 bytes."


def test_a_reply_that_takes_too_long_is_a_504():
    """The client learns of it in time, in OpenAI's shape."""
    slow = stand_in.desk(stand_in.StandInModel(takes_s=0.3))
    answer = _client(slow, timeout_s=0.05).post("/v1/chat/completions", json=_OK)
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "timeout"
    expected = "no answer within 0.05 s. Ask for fewer tokens or try later."
    assert answer.json()["error"]["message"] == expected


def _requests():
    """Requests of every outcome, each with the canary where a client could put it."""
    user = {"role": "user", "content": _CANARY}
    chat = "/v1/chat/completions"
    yield chat, {"messages": [user]}, 200
    yield chat, {"messages": [{"role": "user", "content": f"imminent {_CANARY}"}]}, 200
    yield chat, {"messages": [{"role": "user", "content": f"boom {_CANARY}"}]}, 500
    yield chat, {"messages": [user] * 4}, 422
    yield chat, {"messages": [{"role": _CANARY, "content": _CANARY}]}, 400
    yield chat, {"messages": [{"role": "user", "content": [_CANARY]}]}, 400
    yield chat, {"messages": [user], "model": _CANARY}, 404
    yield chat, {"messages": [user], "tools": [_CANARY]}, 400
    yield chat, {"messages": _CANARY}, 400
    yield chat, {_CANARY: _CANARY}, 400
    yield chat, {"messages": [{"role": "user", "content": _CANARY * 60}]}, 413
    yield "/v1/scan", {"text": _CANARY}, 200
    yield "/v1/scan", {"text": 1, "role": _CANARY}, 400


def test_no_text_of_a_request_gets_into_a_log_or_an_error(caplog, capfd):
    """Answers, refusals and faults alike: the canary stands in no log, no stream, no error."""
    client = _client(stand_in.desk(), timeout_s=5.0)
    seen = 0
    with structlog.testing.capture_logs() as events, caplog.at_level(logging.DEBUG):
        for path, sent, status in _requests():
            answer = client.post(path, json=sent)
            assert answer.status_code == status
            assert status == 200 or _CANARY not in answer.text
            seen += 1
        assert client.post("/v1/scan", content=b"{zzcanary").status_code == 400
    written = "".join(capfd.readouterr())
    assert seen == 13
    assert _CANARY not in f"{events}{caplog.text}{written}"
    faults = [event for event in events if event["event"] == "fault"]
    assert [event["kind"] for event in faults] == ["ValueError"]


def test_a_fault_tells_the_client_nothing_but_that_it_is_ours():
    """A 500 has one fixed sentence."""
    sent = {"messages": [{"role": "user", "content": "boom"}]}
    answer = _client().post("/v1/chat/completions", json=sent)
    assert answer.status_code == 500
    expected = "a fault of the service; its place is in the log."
    assert answer.json()["error"]["message"] == expected
