"""Resume states: what an interrupted training goes on from, to the bit.

They lie outside what a stage publishes, in a folder named by the fingerprint of everything that
shapes the weights: other data, params, code or base is another folder, so that no training ever goes
on from a state that is not its own. A checkpoint counts once its seal, written last, names every file
with its digest; one that a kill or a flipped bit left in pieces is passed over.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import structlog

from caretune import process, records
from caretune.errors import CaretuneError, LineageError
from caretune.lineage import digest

log = structlog.get_logger()

_FIELDS, _SEAL, _LOCK = "fingerprint.json", "seal.json", "lock"
_PREFIX = "checkpoint-"
_ORPHANS_S = 10.0
"""Longest that the loader processes of a killed training keep its lock."""
_UNKNOWN = (
    f"{_FIELDS}: not to be read, so nobody can tell which training this state is of. If it is that of "
    "now, `dvc repro` goes on from it and writes the file anew; else delete the folder."
)
_KEPT = 2
"""Checkpoints kept: the newest, and the one before in case the newest is damaged."""


class Checkpoint(NamedTuple):
    """One checkpoint of a training that has not ended."""

    folder: Path
    step: int
    fault: str | None
    """What is wrong with it, or None where every byte is as it was sealed."""
    is_being_written: bool = False
    """Whether it has no seal yet because the training is at work on it, which is no fault."""


class State(NamedTuple):
    """All that an unended training keeps."""

    folder: Path
    fields: dict[str, Any]
    """What shapes its weights: dotted name -> value."""
    checkpoints: list[Checkpoint]
    """By step."""
    fault: str | None = None
    """Why nobody can tell which training it is of, and what to do, or None; `fields` is empty then."""


class Resume:
    """The resume state of one training, open and locked (see `opened`)."""

    def __init__(self, root: Path, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.folder = root / digest.sha256_value(self.fields)[:16]
        self.begun_at = 0
        """Step that this run went on from; 0 = it began anew."""

    def path(self, step: int) -> Path:
        """Return the folder of a checkpoint."""
        return self.folder / f"{_PREFIX}{step}"

    def latest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or None to begin anew; damaged ones are removed.

        The log says which it is, and why a state that lies beside it is not gone on from.
        """
        for checkpoint in reversed(_checkpoints(self.folder)):
            if checkpoint.fault is None:
                log.info("resumed from step %d", checkpoint.step)
                self.begun_at = checkpoint.step
                return checkpoint
            log.warning("checkpoint removed", step=checkpoint.step, fault=checkpoint.fault)
            remove(checkpoint.folder)
        for file in sorted(self.folder.parent.glob(f"*/{_FIELDS}")):
            try:
                names = differing(self.fields, records.read_json(file))
            except CaretuneError:
                names = [f"{_FIELDS}: not to be read"]
            if names:
                log.info(
                    "another training's state is left alone", state=file.parent.name, differs=names
                )
        return None

    def seal(self, step: int) -> None:
        """Declare a checkpoint whole; all but the last two are removed."""
        folder = self.path(step)
        files = digest.folder_files(folder)
        for name in files:
            _sync(folder / name)
        records.write_json(self.folder / _FIELDS, self.fields)
        records.write_json(folder / _SEAL, {"step": step, "files": files})
        _sync(folder / _SEAL)
        for checkpoint in _listed(self.folder)[:-_KEPT]:
            remove(checkpoint)

    def clear(self) -> None:
        """Remove the state: the training has ended and is published."""
        (self.folder / _FIELDS).unlink(missing_ok=True)  # first: `states` then passes it over
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def opened(root: Path, fields: Mapping[str, Any]) -> Iterator[Resume]:
    """Open the state of the training that these fields describe, alone.

    Of several processes of one training the first holds the lock.

    Args:
        root: Folder of the states of one stage.
        fields: What shapes the weights, as JSON values by dotted name.

    Raises:
        LineageError: Another process trains here.
    """
    if not process.is_first():
        yield Resume(root, fields)
        return
    with locked(root):
        yield Resume(root, fields)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep every other process from training on the states of a folder, or from changing them.

    Raises:
        LineageError: Another process trains here; the message names it.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("a+") as lock:
        ends = time.monotonic() + _ORPHANS_S
        while not _taken(lock):
            lock.seek(0)
            holder = lock.read().strip()
            if time.monotonic() > ends or (holder and process.is_alive(int(holder))):
                raise LineageError(
                    f"{root}: process {holder or 'unknown'} trains here already. Wait for it, or end "
                    "it and run again."
                )
            time.sleep(0.1)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def states(root: Path) -> list[State]:
    """Return the states below a folder, by name; every byte is read and compared.

    A training may be at work: what it removes meanwhile is left out, and the newest checkpoint may
    be one that it still writes. A state whose fingerprint cannot be read is damaged (its `fault`).
    """
    found = []
    for file in sorted(root.glob(f"*/{_FIELDS}")):
        try:
            fields = records.read_json(file)
        except (CaretuneError, OSError):
            fields = None
        fault = None if isinstance(fields, dict) else _UNKNOWN
        checkpoints = _seen(file.parent)
        if file.exists():
            found.append(State(file.parent, {} if fault else fields, checkpoints, fault))
    return found


def remove(checkpoint: Path) -> None:
    """Remove a checkpoint, its seal first: half a checkpoint never looks whole."""
    (checkpoint / _SEAL).unlink(missing_ok=True)
    shutil.rmtree(checkpoint)


def differing(fields: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """Return the names of the fields that two fingerprints do not share, sorted."""
    names = sorted({*fields, *others})
    return [name for name in names if fields.get(name) != others.get(name)]


def check(state: State, fields: Mapping[str, Any]) -> None:
    """Check that a state is of the training that these fields describe.

    Raises:
        LineageError: It is another's; the message names the fields that differ.
    """
    if names := differing(state.fields, fields):
        raise LineageError(
            f"{state.folder}: the checkpoints are of another training, which differs in "
            f"{', '.join(names)}. Set that back, or train anew."
        )


def flat(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return nested values by dotted name."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        inner = flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else None
        found |= {f"{prefix}{name}": value} if inner is None else inner
    return found


def _checkpoints(folder: Path) -> list[Checkpoint]:
    return [
        Checkpoint(path, int(path.name.removeprefix(_PREFIX)), _fault(path))
        for path in _listed(folder)
    ]


def _seen(folder: Path) -> list[Checkpoint]:
    """Return the checkpoints of a state beside which a training may be at work."""
    paths = _listed(folder)
    found = []
    for path in paths:
        step = int(path.name.removeprefix(_PREFIX))
        try:
            fault = _fault(path)
        except (FileNotFoundError, LineageError):  # removed while it was read
            fault = f"{_SEAL}: missing or not to be read"
        if fault is None or (path / _SEAL).exists() or not _is_held(folder.parent):
            if path.is_dir():
                found.append(Checkpoint(path, step, fault))
        elif path == paths[-1] and path.is_dir():
            found.append(Checkpoint(path, step, fault, is_being_written=True))
    return found


def _is_held(root: Path) -> bool:
    """Tell whether a process trains here."""
    try:
        with (root / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _listed(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(_PREFIX)))


def _fault(folder: Path) -> str | None:
    try:
        sealed = records.read_json(folder / _SEAL)["files"]
    except (CaretuneError, KeyError):
        return f"{_SEAL}: missing or not to be read"
    found = digest.folder_files(folder)
    found.pop(_SEAL, None)
    wrong = digest.differences(sealed, found)
    return "; ".join(f"{name}: {how}" for name, how in wrong.items()) or None


def _sync(path: Path) -> None:
    """Have the bytes on the disk, not in memory alone, before they are vouched for."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
