"""The filters as the service asks them: each decision is timed and noted, and tells if they work."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from caretune.monitoring import events
from caretune.monitoring.events import Event, Role
from caretune.records import Message
from caretune.safety.chain import Chain
from caretune.safety.decision import Decision
from caretune.safety.stream import Ending, Stream
from caretune.service.journal import Journal

FAILING = (
    "the filters raise on a harmless sentence too: nothing is generated, each message gets the "
    "protocol's reply. The log names the error (`filter failed`). Restore the release with "
    "`dvc checkout` and start the service again."
)
"""What is said while the filters do not work."""
_HARMLESS = "I argued with my sister and cannot sleep before the exam."


class Judge:
    """Judges with one chain; all calls but `failed` come from the thread of the filters.

    Args:
        chain: The filters.
        journal: Gets one event a decision; a streamed reply is one decision.
    """

    def __init__(self, chain: Chain, journal: Journal) -> None:
        self._chain = chain
        self._journal = journal
        self._failed = False

    def message(self, text: str, role: str, context: str | None) -> Decision:
        """Judge one message."""
        started = time.perf_counter()
        decision = self._chain.scan_message(text, role, context)
        self.note(decision, "assistant" if role == "assistant" else "user", _since(started))
        return decision

    def turns(self, messages: Sequence[Message]) -> Decision:
        """Judge a conversation as one."""
        started = time.perf_counter()
        decision = self._chain.scan_turns(messages)
        self.note(decision, "conversation", _since(started))
        return decision

    def reply(self, context: str) -> "Guard":
        """Return what judges a reply while it is generated."""
        return Guard(self, Stream(self._chain, context))

    def note(self, decision: Decision, role: Role, latency_ms: float) -> None:
        """Write the event of a decision, and remember a filter that raised."""
        event = _event(decision, role, latency_ms)
        self._failed |= event.filter_failed
        self._journal.add(event)

    @property
    def failed(self) -> bool:
        """Whether a filter raised and has not been found to work since; any thread may ask."""
        return self._failed

    def works(self) -> bool:
        """Tell whether the filters judge.

        A filter may raise on one odd text and be sound. So after a failure a harmless sentence is
        judged, as a message and as a reply; only where that fails too do the filters not work. No
        other message answers this: a step that raises on messages is silent on replies.
        """
        if self._failed:
            roles: tuple[Role, Role] = ("user", "assistant")
            asked = [(self._chain.scan_message(_HARMLESS, role), role) for role in roles]
            self._failed = any(_event(found, role, 0.0).filter_failed for found, role in asked)
        return not self._failed


class Guard:
    """A streamed reply on its way past the filters; its one event says what became of the whole.

    A reply whose reader went away before its end has no event.
    """

    def __init__(self, judge: Judge, stream: Stream) -> None:
        self._judge = judge
        self._stream = stream
        self._latency_ms = 0.0

    @property
    def stopped(self) -> bool:
        """Whether the reply turned out unfit; then nothing more leaves."""
        return self._stream.stopped

    def feed(self, piece: str) -> str:
        """Take a piece of the reply and return the text that may leave now."""
        started = time.perf_counter()
        passed = self._stream.feed(piece)
        self._latency_ms += _since(started)
        return passed

    def finish(self) -> Ending:
        """Judge the whole reply and return what of it still leaves."""
        started = time.perf_counter()
        ending = self._stream.finish()
        self._judge.note(ending.decision, "assistant", self._latency_ms + _since(started))
        return ending


def _event(decision: Decision, role: Role, latency_ms: float) -> Event:
    return events.of(decision, role, lambda: datetime.now(UTC), latency_ms)


def _since(started: float) -> float:
    return 1000 * (time.perf_counter() - started)
