"""Blocking work beside the event loop: one thread for the filters, one for the model."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from caretune.records import Message

if TYPE_CHECKING:
    from caretune.model.generate import Reply

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Generate = Callable[[Sequence[Message], int], "Reply"]


class Lane:
    """One thread; calls wait in line and never run side by side.

    A call that is cancelled while it waits never starts; one that runs goes on to its end, and
    what it returns is dropped.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a blocking call in the lane's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)


def load(release: Path, threads: int) -> Generate:
    """Load base and adapter of a release, and return what turns a conversation into a reply.

    Raises:
        ModelError: The base or the adapter cannot be used here.
    """
    from caretune.model import adapter, base, compute, generate

    compute.prepare(threads)
    loaded = base.load(release / "base")
    model = adapter.attach(loaded.model, release / "adapter")
    model.eval()

    added = loaded.tokenizer.added_tokens_decoder.values()
    controls = [token.content for token in added if token.special]

    def reply(messages: Sequence[Message], max_new_tokens: int) -> "Reply":
        plain = [Message(m.role, without(m.content, controls)) for m in messages]
        return generate.replies(model, loaded.tokenizer, [plain], max_new_tokens, 1)[0]

    return reply


def without(text: str, controls: Sequence[str]) -> str:
    """Return text in which no control token stands: a message must not end its own turn."""
    for token in controls:
        text = text.replace(token, " ")
    return text
