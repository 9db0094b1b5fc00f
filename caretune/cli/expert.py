"""`caretune expert`: hand the expert set to reviewers, and check what comes back."""

from pathlib import Path
from typing import Annotated

import typer

from caretune.cli import layout
from caretune.corpus import rubric
from caretune.proof import suppressed

app = typer.Typer(
    help="Hand the expert set to reviewers, and check what comes back.", no_args_is_help=True
)


@app.command()
def build(
    folder: Annotated[Path, typer.Argument(help="New folder for the reviewers.")],
    examples: Annotated[
        Path | None, typer.Option(help="The expert set; by default the split stage's.")
    ] = None,
) -> None:
    """Write a stand-alone copy of the expert set, with a manifest and the rubric."""
    path = examples or layout.path("split", "--out") / rubric.EXAMPLES
    corpus, listed = layout.path("ingest", "--out"), layout.path("ingest", "--suppressed")
    suppressed.check([path], corpus, listed)
    described = rubric.build(path, folder)
    typer.echo(f"{folder}: {described.count} examples, sha256 {described.sha256}")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The folder, with or without scores.")],
) -> None:
    """Check count, bytes, texts and scores against the manifest; exit with 1 on any fault."""
    scored, faults = rubric.check(folder)
    for fault in faults:
        typer.echo(f"{fault.place}: {fault.problem}")
    if faults:
        typer.echo(f"{folder}: faults found: {len(faults)}")
        raise typer.Exit(1)
    typer.echo(f"{folder}: no fault, {scored} examples are scored")
