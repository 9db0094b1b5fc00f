"""`caretune verify`: every byte and every row from raw data to release, derived anew."""

import sys
import time
from pathlib import Path
from typing import Annotated, Literal, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from caretune import records
from caretune.cli import layout
from caretune.cli import project as projects
from caretune.lineage import manifest, revocation
from caretune.params import loader
from caretune.proof import files, inclusion
from caretune.proof import verify as proving
from caretune.proof.families import Search
from caretune.proof.project import Fault
from caretune.proof.verify import Report

_SHOWN_ROWS = 10
_SHOWN_EVERY = 1000
"""Rows between two looks of the bar; each costs more than a row."""


def verify(
    release: Annotated[
        Path | None, typer.Argument(help="Folder of a release; by default the pipeline's.")
    ] = None,
    families: Annotated[
        bool, typer.Option("--families", help="Look for near-duplicates again, too.")
    ] = False,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", help="Check the proofs in a file against the release; no more."),
    ] = None,
    shape: Annotated[
        Literal["text", "json"], typer.Option("--format", help="text, or json with all rows.")
    ] = "text",
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Derive a release anew from the raw data, trusting nothing that was recorded.

    Hashes every file and every object of DVC's cache, takes row ids, split, counts and ledger roots
    again, and names each wrong file and row. Exit code 0 when all is as recorded, 1 when not.
    """
    if proof is not None:
        _check(proof, release or layout.path("release", "--out"))
        return
    p = loader.load(params)
    project = projects.read(p, params)
    named = release or project.release
    project = project._replace(
        release=named,
        suppressed=layout.path("ingest", "--suppressed"),
        # A release elsewhere may have a list of its own; that of the pipeline holds all the same.
        revoked=sorted({revocation.beside(project.release), revocation.beside(named)}),
    )
    begun = time.monotonic()
    with _Bar() as bar:
        known = [*files.paths(project), *files.cached(project.cache)]
        bar.expect(sum(path.stat().st_size for path in known))
        report = proving.verify(project, bar, _search(p) if families else None)
    if shape == "json":
        sys.stdout.buffer.write(records.pretty(report))
    else:
        _show(report, time.monotonic() - begun)
    raise typer.Exit(1 if report.faults else 0)


def _check(proof: Path, release: Path) -> None:
    count = inclusion.check(inclusion.read(proof), manifest.read(release).ledger)
    typer.echo(f"{proof}: {count} proved to be in the ledgers of {release}")


def _search(p: loader.Params) -> Search:
    """Return the search for near-duplicates that the split made, as a function of the corpus."""
    from caretune.corpus import families
    from caretune.corpus.rows import Rows

    how = families.searching(p.split.permutations, p.split.band, p.split.seed)
    least = p.split.near_duplicate_similarity
    return lambda corpus: families.assign(Rows([corpus]), least=least, search=how)


class _Bar(proving.Watch):
    """A progress bar where someone sees it: bytes hashed, rows derived, time left."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._rows = 0
        self._task = self._progress.add_task("verifying", total=None, rows=0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def expect(self, count: int) -> None:
        """Say how many bytes there are to hash."""
        self._progress.update(self._task, total=count)

    def bytes(self, count: int) -> None:
        """Move the bar."""
        self._progress.advance(self._task, count)

    def rows(self, count: int) -> None:
        """Count the rows."""
        self._rows += count
        if self._rows % _SHOWN_EVERY == 0:
            self._progress.update(self._task, rows=self._rows)


def _show(report: Report, seconds: float) -> None:
    for fault in report.faults:
        typer.echo(_told(fault))
    wrong = len({fault.file for fault in report.faults})
    result = f"{wrong} places are wrong" if wrong else "all is as recorded"
    typer.echo(
        f"{result}: {report.files} files, {report.cached} cache objects, {report.bytes:,} bytes "
        f"and {report.rows:,} raw rows in {seconds:.1f} s"
    )


def _told(fault: Fault) -> str:
    """Return a fault as one line; of many rows the first ten."""
    if not fault.rows:
        return f"{fault.file}: {fault.problem}"
    more = len(fault.rows) - _SHOWN_ROWS
    listed = ", ".join(fault.rows[:_SHOWN_ROWS]) + (f" and {more} more" if more > 0 else "")
    return f"{fault.file}: {fault.problem}: {listed}"
