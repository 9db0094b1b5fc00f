"""Blocking work beside the event loop: one thread for the filters, one for the model."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

from caretune.records import Message

if TYPE_CHECKING:
    from caretune.model.generate import Hear, Reply

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Generate(Protocol):
    """Turns a conversation into a reply, that a listener may hear while it is generated."""

    def __call__(
        self,
        messages: Sequence[Message],
        max_new_tokens: int,
        hear: "Hear | None" = None,
        expert: str | None = None,
        /,
    ) -> "Reply":
        """Generate at most `max_new_tokens` tokens, with one expert or, for None, by the routers."""


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


class Speech:
    """The pieces of one reply on their way from the model's thread to the event loop."""

    def __init__(self) -> None:
        self._cut_off = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def hear(self, piece: str) -> bool:
        """Take a piece in the model's thread; False where nobody waits for more."""
        if self._cut_off.is_set():
            return False
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        return True

    def cut_off(self) -> None:
        """End the generation at its next token."""
        self._cut_off.set()

    def end(self, _: object) -> None:
        """Take the end of the generation, whatever it was."""
        self._pieces.put_nowait(None)

    def __aiter__(self) -> "Speech":
        return self

    async def __anext__(self) -> str:
        """Return the next piece."""
        if (piece := await self._pieces.get()) is None:
            raise StopAsyncIteration
        return piece


def load(release: Path, threads: int) -> Generate:
    """Load base and adapter of a release, and return what turns a conversation into a reply.

    Raises:
        ModelError: The base or the adapter cannot be used here.
    """
    from caretune.model import adapter, base, compute, domains, generate

    compute.prepare(threads)
    loaded = base.load(release / "base")
    model = adapter.attach(loaded.model, release / "adapter")
    model.eval()

    added = loaded.tokenizer.added_tokens_decoder.values()
    controls = [token.content for token in added if token.special]
    experts = getattr(model.peft_config["default"], "expert_names", None) or []

    def reply(
        messages: Sequence[Message],
        max_new_tokens: int,
        hear: "Hear | None" = None,
        expert: str | None = None,
        /,
    ) -> "Reply":
        plain = [Message(m.role, without(m.content, controls)) for m in messages]
        gates = None if expert is None else domains.one_hot(expert, experts)
        if hear is not None:
            return generate.spoken(model, loaded.tokenizer, plain, max_new_tokens, hear, gates)
        return generate.replies(model, loaded.tokenizer, [plain], max_new_tokens, 1, gates)[0]

    return reply


def without(text: str, controls: Sequence[str]) -> str:
    """Return text in which no control token stands: a message must not end its own turn."""
    for token in controls:
        text = text.replace(token, " ")
    return text
