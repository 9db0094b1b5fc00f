"""`caretune gate`: the verdict as a table and as an exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from caretune.cli import layout
from caretune.gate import verdict as verdicts
from caretune.gate.verdict import Verdict

_EXIT = {"pass": 0, "fail": 1, "inconclusive": 3}
_WIDTH = 140
_COLOUR = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def gate(
    path: Annotated[
        Path | None, typer.Option("--verdict", help="The verdict; by default the gate stage's.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 on fail, 3 on inconclusive.")
    ] = False,
) -> None:
    """Show the gate's rules and what was found.

    The verdict of `dvc repro` is data and never stops a run; with --check it becomes an exit code
    for CI: 0 pass, 1 fail, 3 inconclusive.
    """
    found = verdicts.read(path or layout.path("gate", "--out"))
    # Away from a terminal rich assumes 80 columns, which breaks every cell.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(_table(found))
    for rule in found.rules:
        if rule.detail is not None:
            console.print(f"{rule.name}: {rule.detail}", highlight=False, markup=False)
    if check:
        raise typer.Exit(_EXIT[found.result])


def _table(found: Verdict) -> Table:
    title = Text.assemble(f"{found.level}: ", (found.result, _COLOUR[found.result]))
    table = Table(title=title, title_justify="left")
    for heading in verdicts.HEADINGS:
        table.add_column(heading, justify="right" if heading in {"n", "needed"} else "left")
    for rule in found.rules:
        *plain, result = map(Text, verdicts.cells(rule))
        result.stylize(_COLOUR[rule.result])
        table.add_row(*plain, result)
    return table
