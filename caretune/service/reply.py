"""One message's way: filters on the conversation, a reply, filters on the reply."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from caretune.records import Message
from caretune.safety.decision import Decision
from caretune.service.engine import Generate, Lane
from caretune.service.release import Release

_PROTOCOL_SEVERITIES = frozenset({"high", "imminent", "unscored"})
_PROTOCOL_ACTIONS = frozenset({"escalate", "block"})


class Answer(NamedTuple):
    """A reply that may leave.

    `source` says who wrote it: `model`, `protocol` (the crisis protocol instead of a generated
    reply) or `safe_reply` (in place of a generated reply that the filters stopped). `usage` are the
    tokens of the prompt and of what was generated, 0 where nothing was.
    """

    text: str
    finish_reason: str
    source: str
    usage: tuple[int, int]
    decision: dict[str, Any]


class Desk:
    """Answers with one release: the same way for streaming and for plain requests.

    Args:
        release: What is served.
        generate: Turns a conversation into a reply; runs in a thread of its own, so that a crisis
            reply or a scan never waits behind a generation.
        max_new_tokens: Longest generated reply, in tokens.
    """

    def __init__(self, release: Release, generate: Generate, max_new_tokens: int) -> None:
        self.release = release
        self._chain = release.chain
        self._generate = generate
        self._max_new_tokens = max_new_tokens
        self._filters = Lane("filters")
        self._model = Lane("model")

    async def answer(self, messages: Sequence[Message], max_tokens: int | None) -> Answer:
        """Reply to a conversation whose last message is the user's."""
        asked = await self._filters.run(self._chain.scan_turns, messages)
        if _needs_protocol(asked):
            text = await self._filters.run(self._chain.protocol_reply, asked)
            return Answer(text, "content_filter", "protocol", (0, 0), _summary("escalate", asked))
        limit = min(max_tokens or self._max_new_tokens, self._max_new_tokens)
        generated = await self._model.run(self._generate, messages, limit)
        said = await self._filters.run(
            self._chain.scan_message, generated.text, "assistant", messages[-1].content
        )
        summary = _summary(said.action, asked, said)
        if said.action == "allow":
            text, source, finish = generated.text, "model", generated.finish_reason
        elif said.action == "redact":
            text, source, finish = said.redacted, "model", generated.finish_reason
        else:
            text = await self._filters.run(self._chain.safe_reply, said)
            source, finish = "safe_reply", "content_filter"
        usage = (generated.prompt_tokens, generated.tokens)
        return Answer(text, finish, source, usage, summary)

    async def scan(self, text: str, role: str, context: str | None) -> Decision:
        """Judge one message."""
        return await self._filters.run(self._chain.scan_message, text, role, context)

    async def scan_turns(self, messages: Sequence[Message]) -> Decision:
        """Judge a conversation as one."""
        return await self._filters.run(self._chain.scan_turns, messages)


def _needs_protocol(asked: Decision) -> bool:
    return asked.action in _PROTOCOL_ACTIONS or asked.crisis.severity in _PROTOCOL_SEVERITIES


def _summary(action: str, asked: Decision, said: Decision | None = None) -> dict[str, Any]:
    """Return what was done to the reply, the conversation's severity, and the steps that acted."""
    reasons = [*asked.reasons, *(said.reasons if said else [])]
    return {
        "action": action,
        "severity": asked.crisis.severity,
        "reasons": list(dict.fromkeys(reasons)),
    }
