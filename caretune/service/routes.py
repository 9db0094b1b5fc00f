"""The HTTP face: four routes, one way in and out, no text of a request in any log or error."""

import asyncio
import contextlib
import time
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from caretune.records import encode
from caretune.service import judge, openai_api, release
from caretune.service.openai_api import ChatRequest, RequestError, ScanRequest
from caretune.service.release import Release
from caretune.service.reply import Desk, Passing
from caretune.service.state import State

log = structlog.get_logger()


Handler = Callable[[Request, State], Awaitable[Response]]


def application() -> Starlette:
    """Build the app; `app.state.serving` must hold a `State` before the first request."""
    return Starlette(
        routes=[
            Route("/v1/chat/completions", _guarded(_chat), methods=["POST"]),
            Route("/v1/scan", _guarded(_scan), methods=["POST"]),
            Route("/v1/release", _guarded(_release)),
            Route("/v1/models", _guarded(_models)),
        ]
    )


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Turn every fault into an OpenAI-shaped error, within the time limit."""

    async def endpoint(request: Request) -> Response:
        state: State = request.app.state.serving
        try:
            async with asyncio.timeout(state.timeout_s):
                response = await handler(request, state)
        except RequestError as refusal:
            response = _refusal(refusal)
        except TimeoutError:
            response = _refusal(_late(state.timeout_s))
        except Exception as error:  # noqa: BLE001 - a traceback may hold text, so none is logged
            response = _refusal(_fault(error))
        if state.desk is not None and state.desk.release.notice is not None:
            response.headers["X-Caretune-Notice"] = state.desk.release.notice
        return response

    return endpoint


async def _chat(request: Request, state: State) -> Response:
    desk = _desk(state)
    asked = openai_api.decode(await _body(request, state.max_body_bytes), ChatRequest)
    messages = openai_api.normalised(openai_api.messages(asked.messages, state.max_turns))
    openai_api.check_chat(asked)
    max_tokens = asked.max_completion_tokens or asked.max_tokens
    identity, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
    if asked.stream:
        passing = await desk.stream(messages, max_tokens)
        first = openai_api.first_chunk(identity, created)
        events = _events(passing, first, desk.release, state.timeout_s)
        return StreamingResponse(events, media_type="text/event-stream")
    answer = await desk.answer(messages, max_tokens)
    return _json(openai_api.completion(answer, desk.release, identity, created))


async def _events(
    passing: Passing, first: dict[str, Any], held: Release, timeout_s: float
) -> AsyncIterator[bytes]:
    """Give the events of a streamed reply; the status has gone, so a fault is an event too."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    yield openai_api.event(first)
    async with contextlib.aclosing(passing):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    item = await anext(passing)
            except TimeoutError:
                yield openai_api.event(openai_api.error(_late(timeout_s)))
                return
            except Exception as error:  # noqa: BLE001 - a traceback may hold text, so none is logged
                yield openai_api.event(openai_api.error(_fault(error)))
                return
            text = item if isinstance(item, str) else item.text
            if text:
                yield openai_api.event(openai_api.chunk(first, text))
            if not isinstance(item, str):
                yield openai_api.event(openai_api.last_chunk(first, item, held))
                yield openai_api.DONE
                return


async def _scan(request: Request, state: State) -> Response:
    desk = _desk(state)
    asked = openai_api.decode(await _body(request, state.max_body_bytes), ScanRequest)
    if (asked.text is None) == (asked.turns is None):
        raise RequestError(400, "send either $.text or $.turns.")
    if asked.turns is not None:
        decision = await desk.scan_turns(openai_api.messages(asked.turns, state.max_turns))
    else:
        decision = await desk.scan(*openai_api.single(asked))
    if asked.id is not None:
        decision = msgspec.structs.replace(decision, id=asked.id)
    return _json(decision)


async def _release(_request: Request, state: State) -> Response:
    if state.desk is None:
        return _json({"ready": False, "reason": state.reason})
    said = release.description(state.desk.release)
    if (reason := state.refusal()) is not None:
        return _json(said | {"ready": False, "reason": reason})
    if not await state.desk.works():
        said |= {"ready": False, "reason": judge.FAILING}
    return _json(said)


async def _models(_request: Request, state: State) -> Response:
    model = {"id": openai_api.MODEL, "object": "model", "created": 0, "owned_by": "caretune"}
    served = state.desk is not None and state.refusal() is None
    return _json({"object": "list", "data": [model] if served else []})


def _desk(state: State) -> Desk:
    reason = state.refusal()
    if state.desk is None or reason is not None:
        raise RequestError(503, f"not ready: {reason}", "server_error", "not_ready")
    return state.desk


async def _body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > max_bytes:
            raise RequestError(413, f"the body is larger than {max_bytes} bytes.", code="too_large")
    return bytes(body)


def _json(value: Any) -> Response:
    return Response(encode(value), media_type="application/json")


def _refusal(refusal: RequestError) -> Response:
    body = encode(openai_api.error(refusal))
    return Response(body, refusal.status, media_type="application/json")


def _late(timeout_s: float) -> RequestError:
    sentence = f"no answer within {timeout_s:g} s. Ask for fewer tokens or try later."
    return RequestError(504, sentence, "server_error", "timeout")


def _fault(error: Exception) -> RequestError:
    """Log a fault by its kind and place alone: messages of exceptions may hold a person's text."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    at = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
    log.error("fault", kind=type(error).__name__, at=at)
    return RequestError(500, "a fault of the service; its place is in the log.", "server_error")
