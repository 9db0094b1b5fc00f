"""`caretune trace`: a row, a file or a release, back to raw data and forward to the release."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from caretune import records
from caretune.cli import layout
from caretune.cli import project as projects
from caretune.errors import LineageError
from caretune.lineage import digest, manifest
from caretune.lineage.ledger import Edge
from caretune.params import loader
from caretune.proof import inclusion, origins
from caretune.proof import trace as tracing
from caretune.proof.inclusion import Proof
from caretune.proof.project import Project
from caretune.proof.trace import Node

_FEW = 3
_WIDTH = 140


def trace(
    name: Annotated[
        str,
        typer.Argument(help="A row's id or its first 8 digits, source:line, a file, or a release."),
    ],
    rows: Annotated[bool, typer.Option("--rows", help="List all rows, not a few.")] = False,
    proof: Annotated[
        bool,
        typer.Option("--proof", help="Print the row's inclusion proofs, one a line, to be kept."),
    ] = False,
    shape: Annotated[
        Literal["text", "json"], typer.Option("--format", help="A tree as text or json.")
    ] = "text",
    params: Annotated[Path, typer.Option(help="The parameters.")] = Path("params.yaml"),
) -> None:
    """Show where a row came from and everything that it touched; no message is ever shown.

    A release is named by its folder or the sha256 of its manifest (or the first 8 digits).
    `caretune verify --proof FILE` checks what --proof prints.
    """
    project = projects.read(loader.load(params), params)
    name = _from_root(name)
    if proof:
        found = tracing.find(project, name)
        sys.stdout.buffer.writelines(
            records.encode(shown) + b"\n" for shown in _proofs(project, found)
        )
        return
    node = _node(project, name, None if rows else _FEW)
    if shape == "json":
        sys.stdout.buffer.write(records.pretty(node))
        return
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(_drawn(node))


def _node(project: Project, name: str, shown: int | None) -> Node:
    if _is_release(project, name):
        return origins.release(project, shown=shown)
    steps = layout.steps()
    path = Path(name)
    if path.exists():
        return origins.file(project, path, steps, shown=shown)
    return tracing.row(project, tracing.find(project, name), steps)


def _from_root(name: str) -> str:
    """Return a path below the root as dvc.yaml writes it; any other name stays.

    Raises:
        LineageError: There is no name, or it is the root.
    """
    if not name.strip() or Path(name).resolve() == Path.cwd():
        raise LineageError(
            "nothing is named. Give a row's id (or its first digits), source:line, a file of the "
            "pipeline, or a release."
        )
    path = os.path.relpath(name)
    return name if path.startswith("..") or not Path(name).exists() else path


def _is_release(project: Project, name: str) -> bool:
    path = project.release / manifest.NAME
    if not path.is_file():
        return False
    if Path(name) in {project.release, path}:
        return True
    return len(name) >= tracing.MIN_PREFIX and digest.sha256_file(path).startswith(name)


def _proofs(project: Project, name: str) -> Iterator[Proof]:
    """Yield a proof of each edge that brought the row in and took it on; children have their own."""

    def arrives(edge: Edge) -> bool:
        return name in {edge.to, edge.source}

    def goes_on(edge: Edge) -> bool:
        return edge.source == name

    def is_made(edge: Edge) -> bool:
        return edge.to == name

    ways = {"ingest": arrives, "split": goes_on, "augment": is_made, "safety_label": goes_on}
    for stage, wanted in ways.items():
        yield from inclusion.prove(project.ledger(stage), wanted)


def _drawn(node: Node, tree: Tree | None = None) -> Tree:
    label = Text.assemble(f"{node.what} ".lstrip(), (node.name, "bold"))
    if node.note:
        label.append(f"  {node.note}", "dim")
    branch = Tree(label) if tree is None else tree.add(label)
    for child in node.to:
        _drawn(child, branch)
    return branch
