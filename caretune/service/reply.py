"""One message's way: filters on the conversation, a reply, filters on the reply."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from caretune.model.domains import Domains
from caretune.records import Message
from caretune.safety.decision import Decision
from caretune.safety.stream import Ending
from caretune.safety.taxonomy import Action, Severity
from caretune.service.engine import Generate, Lane, Speech
from caretune.service.journal import Journal
from caretune.service.judge import Judge
from caretune.service.release import Release

if TYPE_CHECKING:
    from caretune.model.generate import Reply

_GRAVE = frozenset({Severity.HIGH, Severity.IMMINENT, Severity.UNSCORED})
_REPLACED = "content_filter"


class Answer(NamedTuple):
    """A reply that may leave, or what is left of it when most has left already.

    `source` says who wrote it: `model`, `protocol` (people are needed, nothing was generated) or
    `safe_reply` (in place of a generated reply that the filters stopped, or where an earlier reply
    in the conversation should never have gone out). `usage` are the tokens of prompt and reply.
    `expert` is the one expert that generated what was sent: None where routers chose, and where
    nothing that it generated was sent, as with every protocol reply and with every safe reply but
    one that ends a reply of which some has left.
    """

    text: str
    finish_reason: str
    source: str
    usage: tuple[int, int]
    decision: dict[str, Any]
    expert: str | None = None


Passing = AsyncGenerator[str | Answer, None]
"""The text of a reply as it passes the filters, and last the `Answer` that ends it."""


class Desk:
    """Answers with one release: the same way for streaming and for plain requests.

    Args:
        release: What is served.
        generate: Turns a conversation into a reply; runs in a thread of its own, so that a crisis
            reply or a scan never waits behind a generation.
        journal: Gets one event a decision.
        max_new_tokens: Longest generated reply, in tokens.
        locale: Country of the people who write ("IE"), for the lines that a crisis reply names; None
            where it is not known.
        classifier: Picks one expert for a request; None leaves each token to the routers.
    """

    def __init__(
        self,
        release: Release,
        generate: Generate,
        journal: Journal,
        max_new_tokens: int,
        locale: str | None = None,
        classifier: Domains | None = None,
    ) -> None:
        self.release = release
        self._chain = release.chain
        self._journal = journal
        self._judge = Judge(release.chain, journal)
        self._generate = generate
        self._max_new_tokens = max_new_tokens
        self._locale = locale
        self._classifier = classifier
        self._filters = Lane("filters")
        self._model = Lane("model")

    async def answer(self, messages: Sequence[Message], max_tokens: int | None) -> Answer:
        """Reply to a conversation whose last message is the user's."""
        asked = await self.scan_turns(messages)
        if (ready := await self._filters.run(self._ready, asked)) is not None:
            return ready
        expert = await self._filters.run(self._expert, messages, asked)
        limit = self._limit(max_tokens)
        generated = await self._model.run(self._generate, messages, limit, None, expert)
        said = messages[-1].content
        answer = await self._filters.run(self._judged, generated, said, asked)
        return answer._replace(expert=expert if answer.source == "model" else None)

    async def stream(self, messages: Sequence[Message], max_tokens: int | None) -> Passing:
        """Judge a conversation, and return the reply as it is generated.

        What comes is text, sentence by sentence, and last an `Answer` whose text ends the reply:
        the same text in all as `answer` gives, unless the filters stop the reply. Closing what is
        returned ends the generation.
        """
        asked = await self.scan_turns(messages)
        ready = await self._filters.run(self._ready, asked)
        return self._spoken(messages, self._limit(max_tokens), asked, ready)

    async def scan(self, text: str, role: str, context: str | None) -> Decision:
        """Judge one message."""
        return await self._filters.run(self._judge.message, text, role, context)

    async def scan_turns(self, messages: Sequence[Message]) -> Decision:
        """Judge a conversation as one."""
        return await self._filters.run(self._judge.turns, messages)

    async def works(self) -> bool:
        """Tell whether the filters judge; where not, every message is blocked.

        Only after a failure must they be asked, in line: a probe never waits behind slow texts.
        """
        return not self._judge.failed or await self._filters.run(self._judge.works)

    async def metrics(self) -> str:
        """Return counters of what the filters decided, as Prometheus text."""
        return await self._filters.run(self._journal.prometheus)

    def _limit(self, max_tokens: int | None) -> int:
        return min(max_tokens or self._max_new_tokens, self._max_new_tokens)

    def _expert(self, messages: Sequence[Message], asked: Decision) -> str | None:
        """Return the expert of a request, or None where the routers choose."""
        if self._classifier is None:
            return None
        return self._classifier.choose(messages, asked.crisis.severity).expert

    def _ready(self, asked: Decision) -> Answer | None:
        """Return the answer to a conversation that the model is not asked about."""
        if asked.crisis.severity in _GRAVE or asked.action == Action.ESCALATE:
            text = self._chain.protocol_reply(asked, self._locale, _today())
            return Answer(text, _REPLACED, "protocol", (0, 0), _summary(Action.ESCALATE, asked))
        if asked.action == Action.BLOCK:
            return self._replaced(asked, (0, 0), _summary(asked.action, asked))
        return None

    def _judged(self, generated: "Reply", context: str, asked: Decision) -> Answer:
        said = self._judge.message(generated.text, "assistant", context)
        usage = (generated.prompt_tokens, generated.tokens)
        summary = _summary(said.action, asked, said)
        if said.action in {Action.ALLOW, Action.REDACT}:
            text = generated.text if said.action == Action.ALLOW else said.redacted
            return Answer(text, generated.finish_reason, "model", usage, summary)
        return self._replaced(asked, usage, summary)

    def _replaced(
        self, asked: Decision, usage: tuple[int, int], summary: dict[str, Any], after: str = ""
    ) -> Answer:
        text = after + self._chain.safe_reply(asked, self._locale, _today())
        return Answer(text, _REPLACED, "safe_reply", usage, summary)

    async def _spoken(
        self, messages: Sequence[Message], limit: int, asked: Decision, ready: Answer | None
    ) -> Passing:
        if ready is not None:
            yield ready
            return
        expert = await self._filters.run(self._expert, messages, asked)
        guard = self._judge.reply(messages[-1].content)
        speech = Speech()
        generating = asyncio.ensure_future(
            self._model.run(self._generate, messages, limit, speech.hear, expert)
        )
        generating.add_done_callback(speech.end)
        left = False
        try:
            async for piece in speech:
                if passed := await self._filters.run(guard.feed, piece):
                    left = True
                    yield passed
                if guard.stopped:
                    speech.cut_off()
            generated = await generating
        finally:
            speech.cut_off()
            generating.cancel()
        ending = await self._filters.run(guard.finish)
        answer = await self._filters.run(self._ended, ending, generated, asked, left)
        yield answer._replace(expert=expert if left or answer.source == "model" else None)

    def _ended(self, ending: Ending, generated: "Reply", asked: Decision, left: bool) -> Answer:
        usage = (generated.prompt_tokens, generated.tokens)
        summary = _summary(ending.decision.action, asked, ending.decision)
        if ending.stopped:
            return self._replaced(asked, usage, summary, after="\n\n" if left else "")
        return Answer(ending.text, generated.finish_reason, "model", usage, summary)


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _summary(action: str, asked: Decision, said: Decision | None = None) -> dict[str, Any]:
    """Return what was done to the reply, the conversation's severity, and the steps that acted."""
    reasons = [*asked.reasons, *(said.reasons if said else [])]
    return {
        "action": action,
        "severity": asked.crisis.severity,
        "reasons": list(dict.fromkeys(reasons)),
    }
