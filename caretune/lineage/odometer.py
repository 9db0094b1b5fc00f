"""The odometer: how often models were judged on a test split, so that nobody tunes on it unseen.

A test split that decides between many models is a validation split. Each judgement of other weights
on the same split is one more read; judging the same weights again tells nothing new and counts once.
The ledger lies in the checkout's own folder, outside git: it counts what was read here.
"""

import fcntl
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from caretune import records
from caretune.errors import RecordError
from caretune.lineage import digest, journal, workspace

READS = workspace.STATE / "test_reads.jsonl"
"""The ledger, from the project's root."""
_LOG = structlog.get_logger()


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One judgement of models on a test split."""

    test: str
    """sha256 of the test split."""
    judged: dict[str, str]
    """Model -> sha256 of its folder."""
    at: str
    """When, in UTC, ISO 8601."""
    experiment: str = ""
    """Name of the DVC experiment; empty for a plain run."""

    @property
    def key(self) -> str:
        """What makes it another read: the split and the weights."""
        return digest.sha256_value({"test": self.test, "judged": self.judged})


def append(path: Path, read: Read) -> bool:
    """Add a judgement, unless the same weights were judged on the same split; tell whether it was.

    Safe beside other processes that append.

    Raises:
        RecordError: A line of the ledger is JSON and no judgement.
        OSError: The file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        is_new = all(earlier.key != read.key for earlier in reads(path))
        if is_new:
            journal.append(path, read)
        return is_new


def reads(path: Path) -> list[Read]:
    """Return every judgement, the oldest first; none where there is no ledger.

    A line that is no JSON was torn by a kill, which also ended the stage that judged: it is passed
    over, with a warning, and the stage puts its judgement down again.

    Raises:
        RecordError: A line is JSON and no judgement.
    """
    if not path.exists():
        return []
    found: list[Read] = []
    for line, read in records.read_lenient(path, Read):
        if isinstance(read, Read):
            found.append(read)
        elif read.exit == "bad_json":
            _LOG.warning("torn_line_passed_over", file=str(path), line=line)
        else:
            raise RecordError(str(path), line, read.problem)
    return found


def count(path: Path) -> Mapping[str, int]:
    """Return sha256 of a test split -> its reads."""
    return dict(sorted(Counter(read.test for read in reads(path)).items()))
