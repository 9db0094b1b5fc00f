"""How many processes work, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from caretune import process

_ASK = """
import ctypes
from caretune import process
process.die_with_parent()
signal = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(signal))
print(signal.value)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems cannot tie a child to its parent"
)
def test_a_process_asks_to_be_killed_with_its_parent():
    """Linux holds SIGKILL as the signal that the parent's death sends."""
    told = subprocess.run([sys.executable, "-c", _ASK], check=True, capture_output=True, text=True)
    assert told.stdout == "9\n"


def test_the_question_is_the_one_of_linux(monkeypatch):
    """It is `prctl(PR_SET_PDEATHSIG, SIGKILL)`, and nothing else is asked."""
    asked = []
    library = SimpleNamespace(prctl=lambda *given: asked.append(given))
    monkeypatch.setattr(process.sys, "platform", "linux")
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: library)
    process.die_with_parent()
    assert asked == [(1, signal.SIGKILL)]


def test_elsewhere_nothing_is_asked(monkeypatch):
    """On a system without that call the process goes on without it."""
    monkeypatch.setattr(process.sys, "platform", "darwin")
    monkeypatch.setattr(process.ctypes, "CDLL", None)
    process.die_with_parent()


@pytest.mark.skipif(
    sys.platform != "linux", reason="asks Linux for the processors that are allowed"
)
def test_only_the_processors_that_are_allowed_count(monkeypatch):
    """A process that is held to three processors has three, whatever the machine has."""
    monkeypatch.setattr(process.os, "sched_getaffinity", lambda _: {0, 5, 7})
    assert process.cores() == 3


@pytest.mark.parametrize(("told", "cores"), [(6, 6), (None, 1)])
def test_elsewhere_all_processors_count(monkeypatch, told, cores):
    """Without such limits all of the machine's count; where it will not say, one."""
    monkeypatch.setattr(process.sys, "platform", "darwin")
    monkeypatch.setattr(process.os, "cpu_count", lambda: told)
    assert process.cores() == cores


def test_a_process_is_alive_until_it_ends(monkeypatch):
    """Also one of another user; an id that nobody has is nobody's."""
    assert process.is_alive(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert not process.is_alive(ended.pid)

    def refuse(_process, _signal):
        raise PermissionError

    monkeypatch.setattr(process.os, "kill", refuse)
    assert process.is_alive(1)
