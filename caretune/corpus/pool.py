"""A local pool of processes: one pure function over shards of rows, results in the shards' order.

A shard's result depends on the shard and on plain values alone, so the number of processes changes
nothing but the time, and the same function runs on another engine (docs/decisions/0004).
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain, islice
from typing import Any, TypeVar

from caretune import process

Shard = TypeVar("Shard")
Result = TypeVar("Result")

_AHEAD = 2
"""Shards a process that may wait or be done; bounds the memory."""

_work: Callable[[Any], Any] | None = None
"""In a worker: the function that `prepare` gave."""


def run(
    prepare: Callable[[], Callable[[Shard], Result]],
    shards: Iterable[Shard],
    workers: int | None = None,
) -> Iterator[Result]:
    """Yield the result of each shard, in order; a single shard is worked on here.

    Args:
        prepare: Called once in each process; returns the function of a shard, with whatever is
            expensive to load (a filter bundle) loaded.
        shards: Pieces of the work; at most a few are in flight.
        workers: Processes; None = one for each processor.
    """
    waiting = iter(shards)
    first = list(islice(waiting, 2))
    if len(first) < 2 or (workers or process.cores()) < 2:  # noqa: PLR2004 - one process is no pool
        function = prepare()
        yield from map(function, chain(first, waiting))
        return
    count = workers or process.cores()
    # Forked: a worker has what is imported and given here. The only thread that may run beside is the
    # progress bar's, whose console no worker writes to.
    context = multiprocessing.get_context("fork")
    flying: deque[Future[Result]] = deque()
    with ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(prepare, os.getpid())
    ) as pool:
        try:
            for shard in chain(first, waiting):
                flying.append(pool.submit(_call, shard))
                if len(flying) >= count * _AHEAD:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(prepare: Callable[[], Callable[[Any], Any]], parent: int) -> None:
    global _work  # noqa: PLW0603 - a worker process has one piece of work
    process.die_with_parent(parent)
    _work = prepare()


def _call(shard: Any) -> Any:
    if _work is None:
        message = "a worker was not prepared"
        raise RuntimeError(message)
    return _work(shard)
