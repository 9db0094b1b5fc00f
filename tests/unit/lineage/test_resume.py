"""A resume state belongs to one training, and counts while every byte is as it was sealed."""

import fcntl
import multiprocessing
import shutil
import subprocess
import sys
import threading

import pytest
import structlog.testing

from caretune.errors import LineageError
from caretune.lineage import resume

FIELDS = {"params.train.steps": 4, "data.train": "ab"}


def _kept(folder, *steps, fields=FIELDS):
    """Seal checkpoints of one file each, and return the folder of the state."""
    with resume.opened(folder, fields) as state:
        for step in steps:
            state.path(step).mkdir(parents=True)
            (state.path(step) / "weights").write_bytes(b"%d" % step)
            state.seal(step)
    return state.folder


def test_the_newest_sealed_checkpoint_is_gone_on_from(tmp_path):
    """It is named in the log and remembered as the place of beginning."""
    _kept(tmp_path, 2, 4)
    with resume.opened(tmp_path, FIELDS) as state, structlog.testing.capture_logs() as logs:
        found = state.latest()
    assert (found.step, found.fault, state.begun_at) == (4, None, 4)
    assert [entry["event"] % entry.get("positional_args", ()) for entry in logs] == [
        "resumed from step 4"
    ]


def test_two_are_kept(tmp_path):
    """Earlier ones make room."""
    folder = _kept(tmp_path, 2, 4, 10)
    assert sorted(path.name for path in folder.glob("checkpoint-*")) == [
        "checkpoint-10",
        "checkpoint-4",
    ]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda f: (f / "weights").write_bytes(b"5"), id="flipped byte"),
        pytest.param(lambda f: (f / "weights").unlink(), id="missing file"),
        pytest.param(lambda f: (f / "more").write_bytes(b""), id="added file"),
        pytest.param(lambda f: (f / "seal.json").unlink(), id="no seal"),
        pytest.param(lambda f: (f / "seal.json").write_bytes(b"{"), id="half a seal"),
        pytest.param(lambda f: (f / "seal.json").write_bytes(b"{}"), id="another seal"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over(harm, tmp_path):
    """The one before is gone on from, and the damaged one is removed."""
    folder = _kept(tmp_path, 2, 4)
    harm(folder / "checkpoint-4")
    assert [c.fault is None for c in resume.states(tmp_path)[0].checkpoints] == [True, False]
    with resume.opened(tmp_path, FIELDS) as state:
        assert state.latest().step == 2
    assert not (folder / "checkpoint-4").exists()


def test_another_training_begins_anew(tmp_path):
    """Its state has another folder, and the log names what differs."""
    _kept(tmp_path, 2)
    with (
        resume.opened(tmp_path, FIELDS | {"params.train.steps": 5}) as state,
        structlog.testing.capture_logs() as logs,
    ):
        assert (state.latest(), state.begun_at) == (None, 0)
    assert [entry["differs"] for entry in logs] == [["params.train.steps"]]


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    """The refusal names the fields that differ, one that is absent too."""
    _kept(tmp_path, 2)
    (state,) = resume.states(tmp_path)
    resume.check(state, FIELDS)
    with pytest.raises(LineageError, match=r"which differs in data\.train, params\.train\.seed"):
        resume.check(state, {"params.train.steps": 4, "params.train.seed": 1, "data.train": "cd"})


def test_an_ended_training_keeps_nothing(tmp_path):
    """Clearing removes the state, and may be repeated."""
    _kept(tmp_path, 2)
    with resume.opened(tmp_path, FIELDS) as state:
        state.clear()
        state.clear()
        assert state.latest() is None
    assert resume.states(tmp_path) == []


def _hold(folder, held, done):
    with resume.opened(folder, FIELDS):
        held.set()
        done.wait(20)


def test_two_trainers_are_kept_apart(tmp_path):
    """The second is told which process is at work, and the lock goes with its holder."""
    context = multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, done))
    other.start()
    assert held.wait(20)
    with (
        pytest.raises(LineageError, match=f"process {other.pid} trains here already"),
        resume.opened(tmp_path, FIELDS),
    ):
        pass
    other.kill()
    other.join()
    with resume.opened(tmp_path, FIELDS):
        pass


def test_nested_values_get_dotted_names():
    """An empty section leaves no field."""
    assert resume.flat({"a": {"b": 1, "c": {}}, "d": [2]}, "p.") == {"p.a.b": 1, "p.d": [2]}


@pytest.mark.parametrize("gone", ["checkpoint-2", ""], ids=["checkpoint", "state"])
def test_what_a_training_removes_meanwhile_is_left_out(gone, tmp_path, monkeypatch):
    """A folder that vanishes between its listing and its reading is no error."""
    folder = _kept(tmp_path, 2, 4)
    read = resume.digest.folder_files

    def reading(path):
        shutil.rmtree(folder / gone, ignore_errors=True)
        return read(path)

    monkeypatch.setattr(resume.digest, "folder_files", reading)
    steps = [[one.step for one in state.checkpoints] for state in resume.states(tmp_path)]
    assert steps == ([[4]] if gone else [])


def test_half_a_removed_checkpoint_is_left_out_while_the_training_works(tmp_path):
    """Its seal goes first; the newest without one is being written."""
    folder = _kept(tmp_path, 2, 4)
    (folder / "checkpoint-2/seal.json").unlink()
    (folder / "checkpoint-6").mkdir()
    with resume.opened(tmp_path, FIELDS):
        (state,) = resume.states(tmp_path)
    assert [(one.step, one.is_being_written) for one in state.checkpoints] == [
        (4, False),
        (6, True),
    ]
    assert [one.fault is None for one in resume.states(tmp_path)[0].checkpoints] == [
        False, True, False,
    ]  # fmt: skip


def test_a_lock_that_only_orphans_keep_is_waited_for(tmp_path):
    """The loader processes of a killed training hold it a few seconds longer."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    with (tmp_path / "lock").open("a+") as orphan:
        orphan.write(f"{ended.pid}\n")
        orphan.flush()
        fcntl.flock(orphan, fcntl.LOCK_EX)
        ends = threading.Timer(0.3, fcntl.flock, (orphan, fcntl.LOCK_UN))
        ends.start()
        with resume.opened(tmp_path, FIELDS):
            pass
        ends.join()


def test_a_lock_that_orphans_keep_is_not_waited_for_without_end(tmp_path, monkeypatch):
    """After some seconds it is said who held it."""
    monkeypatch.setattr(resume, "_ORPHANS_S", 0.2)
    with (tmp_path / "lock").open("a+") as orphan:
        fcntl.flock(orphan, fcntl.LOCK_EX)
        with (
            pytest.raises(LineageError, match="process unknown trains here already"),
            resume.opened(tmp_path, FIELDS),
        ):
            pass


def test_a_damaged_state_beside_it_stops_no_training(tmp_path):
    """It is another training's, and nothing of it is needed."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/fingerprint.json").write_text("{")
    with structlog.testing.capture_logs() as logs, resume.opened(tmp_path, FIELDS) as state:
        assert state.latest() is None
    assert logs[0]["differs"] == ["fingerprint.json: not to be read"]
