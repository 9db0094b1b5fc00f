"""`caretune gate`: the verdict as a table and as an exit code."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from caretune.cli import layout
from caretune.gate import verdict as verdicts
from caretune.gate.verdict import RuleResult, Verdict

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
    table = Table(title=f"{found.level}: {_coloured(found.result)}", title_justify="left")
    for heading in ("rule", "found", "wanted", "n", "needed", "binds", "result"):
        table.add_column(heading, justify="right" if heading in {"n", "needed"} else "left")
    for rule in found.rules:
        table.add_row(
            rule.name,
            _found(rule),
            f"{'≤' if rule.at == 'most' else '≥'} {rule.threshold:g}",
            str(rule.n),
            "" if rule.needed_n is None else str(rule.needed_n),
            "yes" if rule.binds else "no",
            _coloured(rule.result),
        )
    return table


def _found(rule: RuleResult) -> str:
    metric = rule.metric if rule.baseline is None else f"{rule.metric} - {rule.baseline}"
    if rule.value is None:
        return f"{metric} not measured"
    ends = "" if rule.low is None else f" [{rule.low:.4g}, {rule.high:.4g}]"
    return f"{metric} {rule.value:.4g}{ends}".replace("[", r"\[")


def _coloured(result: str) -> str:
    return f"[{_COLOUR[result]}]{result}[/]"
