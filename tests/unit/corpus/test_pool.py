"""The pool gives the same results with any number of processes, in order, and leaves none behind."""

import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from caretune.corpus import pool
from caretune.errors import RecordError, SourceError

_SLEEPERS = """
import os, sys, time
from pathlib import Path
from caretune.corpus import pool

def work(shard):
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    time.sleep(60)

list(pool.run(lambda: work, range(4), workers=2))
"""


def square(number):
    """Square a number, the sooner the larger it is."""
    time.sleep(max(0.0, 0.02 - number / 1000))
    return number * number


def where(_shard):
    """Return the process that works."""
    return os.getpid()


def test_results_come_in_the_order_of_the_shards():
    """A later shard that is done sooner still comes later."""
    assert list(pool.run(lambda: square, range(20), workers=2)) == [n * n for n in range(20)]


def test_the_number_of_processes_changes_no_result():
    """One process and three give the same list."""
    shards = random.Random(3).sample(range(1000), 12)
    one, three = (list(pool.run(lambda: square, shards, workers=n)) for n in (1, 3))
    assert one == three


@pytest.mark.parametrize(
    ("shards", "workers"), [pytest.param(1, 2, id="one shard"), pytest.param(5, 1, id="one worker")]
)
def test_one_process_is_this_one(shards, workers):
    """A single shard, or a single worker, starts no process."""
    found = set(pool.run(lambda: where, range(shards), workers=workers))
    assert found == {os.getpid()}


def test_more_shards_are_worked_on_elsewhere():
    """With two workers no shard is worked on in this process."""
    assert os.getpid() not in set(pool.run(lambda: where, range(6), workers=2))


def test_no_shards_have_no_results():
    """Nothing in, nothing out, and no process."""
    assert list(pool.run(lambda: where, [], workers=2)) == []


def test_as_many_workers_as_processors(monkeypatch):
    """Where nobody says how many, it is one for each processor."""
    monkeypatch.setattr(pool.process, "cores", lambda: 1)
    assert set(pool.run(lambda: where, range(3))) == {os.getpid()}


def test_each_process_is_prepared_once():
    """What is dear to load is loaded once a process, not once a shard."""

    def prepare():
        count = itertools.count()
        return lambda _shard: (os.getpid(), next(count))

    found = list(pool.run(prepare, range(12), workers=2))
    for worker in {one for one, _ in found}:
        counts = [n for one, n in found if one == worker]
        assert counts == list(range(len(counts)))


def test_only_a_few_shards_are_drawn_ahead():
    """Of 1,000 shards no more than four are out at any time with two workers."""
    drawn: list[int] = []
    shards = (drawn.append(number) or number for number in range(1000))
    with closing(pool.run(lambda: abs, shards, workers=2)) as found:
        ahead = [len(drawn) - done for done in islice(found, 20)]
    assert max(ahead) <= 4


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_comes_out_with_its_type(workers):
    """A known error of a shard is that error here, with its sentence."""

    def refuse(shard):
        if shard == 3:
            raise SourceError("raw.csv: no such column. Add it.")
        return shard

    with pytest.raises(SourceError, match=r"^raw\.csv: no such column\. Add it\.$"):
        list(pool.run(lambda: refuse, range(8), workers=workers))


def test_a_bad_record_in_a_worker_is_named_here():
    """An error that holds file, line and field keeps them on its way out of a process."""

    def refuse(_shard):
        raise RecordError("rows.jsonl", 7, "Expected `str`, got `int` - at `$.id`")

    with pytest.raises(RecordError, match=r"^rows\.jsonl line 7: Expected `str`") as caught:
        list(pool.run(lambda: refuse, range(4), workers=2))
    assert (caught.value.path, caught.value.line) == ("rows.jsonl", 7)


def test_who_stops_early_leaves_no_process_behind():
    """When the results are not wanted any more the workers end."""
    found = pool.run(lambda: square, range(100), workers=2)
    assert next(found) == 0
    found.close()
    assert multiprocessing.active_children() == []


def test_a_worker_without_work_says_so(monkeypatch):
    """A shard that comes before the function is our bug, and is told."""
    monkeypatch.setattr(pool, "_work", None)
    with pytest.raises(RuntimeError, match="a worker was not prepared"):
        pool._call(1)


def test_a_worker_does_what_it_was_prepared_for(monkeypatch):
    """The first step in a worker ties it to its parent and makes its function."""
    tied = []
    monkeypatch.setattr(pool, "_work", None)
    monkeypatch.setattr(pool.process, "die_with_parent", tied.append)
    pool._begin(lambda: square, os.getppid())
    assert tied == [os.getppid()]
    assert pool._call(30) == 900


def _alive(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems cannot tie a child to its parent"
)
def test_workers_die_with_their_parent(tmp_path):
    """SIGKILL of the parent leaves no worker asleep behind."""
    with subprocess.Popen([sys.executable, "-c", _SLEEPERS, str(tmp_path)]) as parent:
        _until(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [path.name for path in tmp_path.iterdir()]
        assert all(map(_alive, workers))
        parent.send_signal(signal.SIGKILL)
    _until(lambda: not any(map(_alive, workers)))


def _until(true):
    limit = time.monotonic() + 20
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)
