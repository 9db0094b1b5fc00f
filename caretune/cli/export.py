"""`caretune export`: the rows in the chat training format, for other trainers."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from caretune import records
from caretune.cli import layout
from caretune.corpus import export as exporting
from caretune.proof import suppressed
from caretune.records import Conversation


class Split(StrEnum):
    """A split that can be exported; the order is that of the file."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def export(
    out: Annotated[Path, typer.Argument(help="The file to write; a manifest appears beside it.")],
    kind: Annotated[
        Literal["jsonl", "parquet", "csv"], typer.Option("--format", help="Format of the file.")
    ] = "jsonl",
    split: Annotated[
        list[Split] | None,
        typer.Option(help="Only this split; may stand there more than once."),
    ] = None,
    labelled: Annotated[
        bool,
        typer.Option("--labelled", help="With augmented children and the filters' labels."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the splits as chat rows with their source, licence, labels and parent.

    Without --labelled these are the rows of the split stage; with it those of safety-label, which
    hold the augmented children that were kept. Rows that `caretune forget` has put on the list are
    not written: `dvc repro` comes first.
    """
    folder = layout.path(*("safety-label", "--out") if labelled else ("split", "--out"))
    files = [folder / f"{name}.jsonl" for name in Split if not split or name in split]
    corpus, listed = layout.path("ingest", "--out"), layout.path("ingest", "--suppressed")
    suppressed.check(files, corpus, listed)
    made = exporting.write(out, _rows(files), kind=kind, force=force)
    typer.echo(f"{out}: {made.rows} rows, {made.bytes} bytes, sha256 {made.sha256}")
    for line in made.attribution:
        typer.echo(line)


def _rows(files: list[Path]) -> Iterator[Conversation]:
    for path in files:
        yield from records.read(path, Conversation)
