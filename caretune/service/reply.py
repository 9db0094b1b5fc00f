"""One message's way: filters on the conversation, a reply, filters on the reply."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from caretune.records import Message
from caretune.safety.decision import Decision
from caretune.safety.taxonomy import Action, Severity
from caretune.service.engine import Generate, Lane
from caretune.service.release import Release

if TYPE_CHECKING:
    from caretune.model.generate import Reply

_GRAVE = frozenset({Severity.HIGH, Severity.IMMINENT, Severity.UNSCORED})
_REPLACED = "content_filter"


class Answer(NamedTuple):
    """A reply that may leave.

    `source` says who wrote it: `model`, `protocol` (people are needed, nothing was generated) or
    `safe_reply` (in place of a generated reply that the filters stopped, or where an earlier reply
    in the conversation should never have gone out). `usage` are the tokens of prompt and reply.
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
        if asked.crisis.severity in _GRAVE or asked.action == Action.ESCALATE:
            text = await self._filters.run(self._chain.protocol_reply, asked)
            return Answer(text, _REPLACED, "protocol", (0, 0), _summary(Action.ESCALATE, asked))
        if asked.action == Action.BLOCK:
            text = await self._filters.run(self._chain.safe_reply, asked)
            return Answer(text, _REPLACED, "safe_reply", (0, 0), _summary(asked.action, asked))
        limit = min(max_tokens or self._max_new_tokens, self._max_new_tokens)
        generated = await self._model.run(self._generate, messages, limit)
        return await self._filters.run(self._judged, generated, messages[-1].content, asked)

    async def scan(self, text: str, role: str, context: str | None) -> Decision:
        """Judge one message."""
        return await self._filters.run(self._chain.scan_message, text, role, context)

    async def scan_turns(self, messages: Sequence[Message]) -> Decision:
        """Judge a conversation as one."""
        return await self._filters.run(self._chain.scan_turns, messages)

    def _judged(self, generated: "Reply", context: str, asked: Decision) -> Answer:
        said = self._chain.scan_message(generated.text, "assistant", context)
        usage = (generated.prompt_tokens, generated.tokens)
        summary = _summary(said.action, asked, said)
        if said.action in {Action.ALLOW, Action.REDACT}:
            text = generated.text if said.action == Action.ALLOW else said.redacted
            return Answer(text, generated.finish_reason, "model", usage, summary)
        return Answer(self._chain.safe_reply(asked), _REPLACED, "safe_reply", usage, summary)


def _summary(action: str, asked: Decision, said: Decision | None = None) -> dict[str, Any]:
    """Return what was done to the reply, the conversation's severity, and the steps that acted."""
    reasons = [*asked.reasons, *(said.reasons if said else [])]
    return {
        "action": action,
        "severity": asked.crisis.severity,
        "reasons": list(dict.fromkeys(reasons)),
    }
