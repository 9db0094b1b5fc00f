"""caretune.service.openai_api: what is refused, and that no refusal repeats what was sent."""

import json

import pytest

from caretune.records import Message
from caretune.service import openai_api
from caretune.service.openai_api import ChatRequest, RequestError, ScanRequest, Turn
from caretune.service.reply import Answer
from tests.unit.service import stand_in

_CANARY = "zzcanary"
_USER = {"role": "user", "content": "hello"}


def _decoded(value):
    return openai_api.decode(json.dumps(value).encode(), ChatRequest)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"{zzcanary", "the body is not JSON. Send one object, UTF-8.", id="no-json"),
        pytest.param(b"\xff\xfe", "the body is not JSON. Send one object, UTF-8.", id="no-utf8"),
        pytest.param(
            b'{"tools": ' + b"[" * 100_000,
            "the body is not JSON. Send one object, UTF-8.",
            id="deep",
        ),
        pytest.param(
            b'{"messages": [{"role": "user", "content": "\\ud800 zzcanary"}]}',
            "the body is not JSON. Send one object, UTF-8.",
            id="lone-surrogate",
        ),
        pytest.param(b'"zzcanary"', "Expected `object`, got `str`.", id="no-object"),
        pytest.param(b"{}", "Object missing required field `messages`.", id="no-messages"),
        pytest.param(
            b'{"messages": [{"role": "user", "content": ["zzcanary"]}]}',
            "Expected `str`, got `array` - at `$.messages[0].content`.",
            id="content-parts",
        ),
        pytest.param(
            b'{"messages": [{"role": "user"}], "zzcanary": 1}',
            "Object missing required field `content` - at `$.messages[0]`.",
            id="no-content",
        ),
        pytest.param(
            b'{"messages": [], "max_tokens": 0}',
            "Expected `int` >= 1 - at `$.max_tokens`.",
            id="no-tokens",
        ),
        pytest.param(
            b'{"messages": [], "stream": "zzcanary"}',
            "Expected `bool`, got `str` - at `$.stream`.",
            id="stream-word",
        ),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_field_and_not_the_value(body, message):
    """Whatever is wrong with a body, the sentence holds types and paths, never its text."""
    with pytest.raises(RequestError) as caught:
        openai_api.decode(body, ChatRequest)
    assert (caught.value.status, str(caught.value)) == (400, message)


def test_an_unknown_role_is_a_400_without_the_word():
    """A role word may be anything a client sent, so it is not repeated."""
    with pytest.raises(RequestError) as caught:
        openai_api.messages([Turn("user", "a"), Turn(_CANARY, "b")], 9)
    assert caught.value.status == 400
    assert str(caught.value) == "expected role system|user|assistant at $.messages[1].role."


@pytest.mark.parametrize("count", [0, 4])
def test_a_number_of_turns_outside_the_limit_is_a_422(count):
    """One turn at least, max_turns at most."""
    with pytest.raises(RequestError) as caught:
        openai_api.messages([Turn("user", "a")] * count, 3)
    assert caught.value.status == 422
    assert str(caught.value) == f"got {count} messages, expected 1 to 3 at $.messages."


def test_the_model_sees_text_in_the_form_of_the_corpus():
    """Messages are read as written, and a chat is normalised: NFC, line feeds."""
    found = openai_api.messages([Turn("user", "e\u0301\r\n")], 3)
    assert found == [Message("user", "e\u0301\r\n")]
    assert openai_api.normalised(found) == [Message("user", "\u00e9\n")]


@pytest.mark.parametrize(
    ("extra", "status", "message"),
    [
        pytest.param(
            {"model": _CANARY}, 404, "only the model 'caretune' is served here.", id="model"
        ),
        pytest.param({"n": 2}, 400, "one choice per request is served: leave out $.n.", id="n"),
        pytest.param(
            {"tools": [_CANARY]}, 400, "not supported here: leave out $.tools.", id="tools"
        ),
        pytest.param({"stop": _CANARY}, 400, "not supported here: leave out $.stop.", id="stop"),
        pytest.param(
            {"messages": [_USER, {"role": "assistant", "content": _CANARY}]},
            422,
            "the last message must have role user at $.messages.",
            id="assistant-last",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": " \n"}]},
            422,
            "the last message is blank at $.messages.",
            id="blank",
        ),
    ],
)
def test_what_is_not_done_is_refused_and_not_ignored(extra, status, message):
    """A field that changes the answer is never dropped in silence."""
    with pytest.raises(RequestError) as caught:
        openai_api.check_chat(_decoded({"messages": [_USER], **extra}))
    assert (caught.value.status, str(caught.value)) == (status, message)


def test_sampling_fields_and_unknown_fields_pass():
    """Decoding is greedy: temperature and the like are accepted and have no effect."""
    sent = {"messages": [_USER], "model": "caretune", "temperature": 0.7, "seed": 1, "user": "x"}
    openai_api.check_chat(_decoded(sent))


def test_the_chunks_of_a_stream_have_openais_shape():
    """Role first, then text, then the reason of the end with the origin that a plain answer has."""
    said = Answer("hi", "stop", "model", (7, 3), {})
    held = stand_in.desk().release
    plain = openai_api.completion(said, held, "c-1", 5)
    first = openai_api.first_chunk("c-1", 5)
    last = openai_api.last_chunk(first, said, held)
    chunks = [first, openai_api.chunk(first, "hi"), last]
    assert {(c["id"], c["object"], c["created"], c["model"]) for c in chunks} == {
        ("c-1", "chat.completion.chunk", 5, "caretune")
    }
    assert [c["choices"][0]["delta"] for c in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "hi"},
        {},
    ]
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None, None, "stop"]
    assert (last["caretune"], last["usage"]) == (plain["caretune"], plain["usage"])
    assert openai_api.event({"a": "b"}) == b'data: {"a":"b"}\n\n'


def test_an_error_has_the_shape_of_openais():
    """Clients read error.message, error.type and error.code."""
    assert openai_api.error(RequestError(503, "no.", "server_error", "off")) == {
        "error": {"message": "no.", "type": "server_error", "param": None, "code": "off"}
    }


def test_a_scan_reads_text_as_it_was_written():
    """Spans refer to the code points that were sent; the filters normalise for themselves."""
    asked = ScanRequest(text="e\u0301\r\n", role="assistant", context="o\u0301\r")
    assert openai_api.single(asked) == ("e\u0301\r\n", "assistant", "o\u0301\r")
    assert openai_api.single(ScanRequest(text="a")) == ("a", "user", None)


def test_a_scan_request_may_be_text_or_turns():
    """Both forms of the `caretune scan` line are read."""
    assert openai_api.decode(b'{"text": "a", "id": "7"}', ScanRequest).role == "user"
    turns = openai_api.decode(b'{"turns": [{"role": "user", "content": "a"}]}', ScanRequest).turns
    assert turns == [Turn("user", "a")]
