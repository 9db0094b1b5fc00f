"""The shapes that go over the wire: OpenAI's chat requests, answers and errors, and scan requests.

What a client sent never stands in an error: a refusal names the field and the rule, not the value.
"""

from typing import Annotated, Any, TypeVar

import msgspec

from caretune.errors import ServiceError
from caretune.records import Message, normalise_text
from caretune.service.release import Release
from caretune.service.reply import Answer

MODEL = "caretune"
DONE = b"data: [DONE]\n\n"
"""The event that ends a stream."""
_ROLES = ("system", "user", "assistant")
# Asking for one of these and getting an answer without it would be a lie.
_UNSUPPORTED = ("functions", "logprobs", "response_format", "stop", "tools")

Tokens = Annotated[int, msgspec.Meta(ge=1)]
T = TypeVar("T")


class RequestError(ServiceError):
    """A request that gets an error instead of an answer.

    Args:
        status: HTTP status.
        message: What is wrong and what to do; never what the client sent.
        kind: OpenAI's `type`.
        code: OpenAI's `code`.
    """

    def __init__(
        self, status: int, message: str, kind: str = "invalid_request_error", code: str = ""
    ) -> None:
        self.status = status
        self.kind = kind
        self.code = code or None
        super().__init__(message)


class Turn(msgspec.Struct, frozen=True):
    """One message of a request."""

    role: str
    content: str


class ChatRequest(msgspec.Struct, frozen=True):
    """The fields of a chat completion that are read; sampling fields have no effect (greedy)."""

    messages: list[Turn]
    model: str = MODEL
    stream: bool = False
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: int | None = None
    functions: Any = None
    logprobs: Any = None
    response_format: Any = None
    stop: Any = None
    tools: Any = None


class ScanRequest(msgspec.Struct, frozen=True):
    """One message (`text`) or one conversation (`turns`) to be judged by the filters."""

    text: str | None = None
    role: str = "user"
    context: str | None = None
    turns: list[Turn] | None = None
    id: str | None = None


def decode(body: bytes, kind: type[T]) -> T:
    """Decode a request body.

    Raises:
        RequestError: 400; the message ends in the path to the field.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # msgspec names types and paths here, never values: roles, where it would, are plain str.
        raise RequestError(400, f"{error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(400, "the body is not JSON. Send one object, UTF-8.") from None


def messages(turns: list[Turn], max_turns: int) -> list[Message]:
    """Return turns as messages, as they were written: spans of a scan refer to them.

    Raises:
        RequestError: 400 for an unknown role, 422 for no turn or more than `max_turns`.
    """
    if not 1 <= len(turns) <= max_turns:
        raise RequestError(
            422, f"got {len(turns)} messages, expected 1 to {max_turns} at $.messages."
        )
    return [
        Message(role(turn.role, f"$.messages[{index}].role"), turn.content)
        for index, turn in enumerate(turns)
    ]


def single(asked: ScanRequest) -> tuple[str, Any, str | None]:
    """Return text, role and context of a scan of one message, as they were written.

    Raises:
        RequestError: 400 for an unknown role.
    """
    return asked.text or "", role(asked.role, "$.role"), asked.context


def normalised(written: list[Message]) -> list[Message]:
    """Return messages in the form in which the model has seen text."""
    return [Message(message.role, normalise_text(message.content)) for message in written]


def role(word: str, where: str) -> Any:
    """Return a role word that is known.

    Raises:
        RequestError: 400, without the word.
    """
    if word not in _ROLES:
        raise RequestError(400, f"expected role {'|'.join(_ROLES)} at {where}.")
    return word


def check_chat(request: ChatRequest) -> None:
    """Refuse what this service does not do.

    Raises:
        RequestError: 404 for another model, 400 for an unsupported field, 422 where the last message is
            not a user's or is blank.
    """
    if request.model != MODEL:
        raise RequestError(404, f"only the model {MODEL!r} is served here.", code="model_not_found")
    if request.n not in {None, 1}:
        raise RequestError(400, "one choice per request is served: leave out $.n.")
    for name in _UNSUPPORTED:
        if getattr(request, name):
            raise RequestError(400, f"not supported here: leave out $.{name}.")
    if request.messages[-1].role != "user":
        raise RequestError(422, "the last message must have role user at $.messages.")
    if not request.messages[-1].content.strip():
        raise RequestError(422, "the last message is blank at $.messages.")


def completion(answer: Answer, held: Release, identity: str, created: int) -> dict[str, Any]:
    """Return a chat completion; its `caretune` object says where the answer comes from."""
    return {
        "id": identity,
        "object": "chat.completion",
        "created": created,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer.text, "refusal": None},
                "logprobs": None,
                "finish_reason": answer.finish_reason,
            }
        ],
        **_origin(answer, held),
    }


def first_chunk(identity: str, created: int) -> dict[str, Any]:
    """Return the chunk that opens a streamed completion: the role, no text."""
    return {
        "id": identity,
        "object": "chat.completion.chunk",
        "created": created,
        "model": MODEL,
        "choices": [_choice({"role": "assistant", "content": ""})],
    }


def chunk(first: dict[str, Any], text: str) -> dict[str, Any]:
    """Return the chunk that brings a part of the reply."""
    return {**first, "choices": [_choice({"content": text})]}


def last_chunk(first: dict[str, Any], answer: Answer, held: Release) -> dict[str, Any]:
    """Return the chunk that closes a reply; its text has been sent."""
    return {**first, "choices": [_choice({}, answer.finish_reason)], **_origin(answer, held)}


def event(value: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _origin(answer: Answer, held: Release) -> dict[str, Any]:
    """Return the tokens of an answer and where it comes from."""
    prompt, reply = answer.usage
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": reply,
            "total_tokens": prompt + reply,
        },
        "caretune": {
            "release": held.digest,
            "level": held.level,
            "notice": held.notice,
            "filter_digest": held.chain.digest,
            "decision": answer.decision,
            "source": answer.source,
            "expert": answer.expert,
        },
    }


def error(refusal: RequestError) -> dict[str, Any]:
    """Return a refusal as OpenAI's error object."""
    said = {"message": str(refusal), "type": refusal.kind, "param": None, "code": refusal.code}
    return {"error": said}
