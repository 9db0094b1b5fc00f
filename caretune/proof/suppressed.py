"""What the suppression list covers and files still hold: a run after `forget` has not come yet."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from caretune.errors import LineageError
from caretune.lineage import suppression
from caretune.proof import reading
from caretune.proof.forget import Row
from caretune.proof.project import Fault


def covered(paths: Iterable[Path], listed: Path) -> Iterator[str]:
    """Yield the ids of rows that a list covers, as themselves, by their source or their person.

    Args:
        paths: Files of rows; one that is missing holds none.
        listed: The suppression list.

    Raises:
        CaretuneError: There is no such list, or a line of it is no entry.
    """
    found = suppression.load(listed)
    if not any((found.rows, found.sources, found.people)):
        return
    for path in paths:
        for row in reading.rows(path, Row):
            if found.covers(row.id, row.source, row.person):
                yield row.id


def faults(corpus: Path, listed: Path) -> Iterator[Fault]:
    """Yield the rows of a corpus that must have left."""
    if rows := tuple(covered([corpus], listed)):
        yield Fault(str(corpus), f"rows that {listed} covers: run `dvc repro`", rows)


def check(files: Sequence[Path], corpus: Path, listed: Path) -> None:
    """Check that nothing is handed out that the list covers, nor a child or example of it.

    Args:
        files: Rows or expert examples that are about to be handed out.
        corpus: Tells the source and the person of an example's or a child's conversation.
        listed: The suppression list.

    Raises:
        LineageError: A file still holds such a row.
    """
    gone = {*suppression.load(listed).rows, *covered([corpus, *files], listed)}
    if not gone:
        return
    for path in files:
        rows = reading.rows(path, Row)
        if count := sum(not gone.isdisjoint((r.id, r.parent, r.conversation)) for r in rows):
            raise LineageError(
                f"{path}: {count} rows are covered by {listed}, so nothing is written. "
                "Run `dvc repro` first."
            )
