"""`caretune data`: the card, the difference to an earlier revision, and the recorded versions."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from caretune import records
from caretune.cli import layout, revision
from caretune.corpus import diff as differences
from caretune.corpus import versions as recorded
from caretune.corpus.diff import Counts
from caretune.lineage import digest
from caretune.params import loader

app = typer.Typer(
    help="The data card, what changed since a revision, and the recorded versions.",
    no_args_is_help=True,
)

_VERSIONS = Path("data/versions.jsonl")
_WIDTH = 120


@app.command()
def card(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("docs/data-card.md"),
) -> None:
    """Render the data card from the figures of the last run."""
    records.write_text(out, rendered())
    typer.echo(f"{out}: written")


@app.command()
def diff(
    rev: Annotated[str, typer.Argument(metavar="REV", help="A commit, branch or tag.")],
    kind: Annotated[
        Literal["table", "json"], typer.Option("--format", help="A table, or JSON for programs.")
    ] = "table",
) -> None:
    """Count the rows added, removed, changed and moved since REV, by source and by split."""
    corpus, split = layout.path("ingest", "--out"), layout.path("split", "--out")
    before = differences.Files(
        revision.files(rev, corpus)[""], _splits(revision.files(rev, split).items())
    )
    now = differences.Files(corpus, _splits((path.name, path) for path in sorted(split.glob("*"))))
    found = differences.compare(before, now)
    if kind == "json":
        typer.echo(records.pretty(found).decode(), nl=False)
        return
    _print(
        _table("source", {**dict(sorted(found.sources.items())), "all": found.total}),
        _table("split", dict(sorted(found.splits.items()))),
    )
    for way, count in sorted(found.moves.items()):
        typer.echo(f"{way}: {count} rows")


@app.command()
def record(
    name: Annotated[str, typer.Argument(help="What to call this version.")],
    path: Annotated[Path, typer.Option(help="Where versions are kept, in git.")] = _VERSIONS,
) -> None:
    """Record the figures of the current corpus as a version, for the trend in the report."""
    corpus = digest.sha256_file(layout.path("ingest", "--out"))
    version = recorded.describe(name, corpus, figures())
    recorded.append(path, version)
    typer.echo(f"{path}: {name}, {version.rows} rows, corpus {corpus[:12]}. Commit the file.")


@app.command()
def versions(
    path: Annotated[Path, typer.Option(help="Where versions are kept, in git.")] = _VERSIONS,
) -> None:
    """List the recorded versions, oldest first."""
    table = Table()
    for heading in ("version", "corpus", "rows", "splits", "exits", "augmentation"):
        table.add_column(heading)
    for version in recorded.read(path):
        left = sum(sum(exits.values()) for exits in version.exits.values())
        splits = ", ".join(f"{split} {count}" for split, count in sorted(version.splits.items()))
        ratio = "" if version.augmentation_ratio is None else f"{version.augmentation_ratio:.2f}"
        cells = (version.name, version.corpus[:12], str(version.rows), splits, str(left), ratio)
        table.add_row(*cells)
    _print(table)


def rendered() -> str:
    """Return the data card of this project, from the figures that lie there.

    Raises:
        CaretuneError: A file of figures is missing.
    """
    from caretune.reports import data_card as cards  # with jinja2, which the service does not need

    shipped = layout.path("filters", "--messages")
    origins = {
        name: cards.Origin(source.license, source.url or _place(Path(source.path), shipped))
        for name, source in loader.load(Path("params.yaml")).ingest.sources.items()
        if source.enabled
    }
    raw = {}
    for path in sorted(shipped.glob("*.jsonl")):
        with path.open("rb") as file:
            raw[path.name] = sum(1 for line in file if line.strip())
    return cards.render(figures(), origins, raw)


def figures() -> dict[str, Any]:
    """Return stage -> figures, from the files that dvc.yaml names.

    Raises:
        CaretuneError: A file is missing.
    """
    stages = ("ingest", "split", "augment", "safety-label")
    places = {stage.replace("-", "_"): layout.path(stage, "--metrics") for stage in stages}
    places["leak_proof"] = layout.path("split", "--leak-proof")
    return {stage: records.read_json(path) for stage, path in places.items()}


def _place(path: Path, shipped: Path) -> str:
    return "ships with the project" if shipped in path.parents else "read in place, not passed on"


def _splits(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    return {Path(name).stem: path for name, path in files if name.endswith(".jsonl")}


def _table(first: str, counts: Mapping[str, Counts]) -> Table:
    table = Table()
    table.add_column(first)
    for heading in Counts.__struct_fields__:
        table.add_column(heading, justify="right")
    for name, found in counts.items():
        table.add_row(name, *(f"{count:,}" for count in msgspec.structs.astuple(found)))
    return table


def _print(*tables: Table) -> None:
    # Away from a terminal rich assumes 80 columns, which breaks every cell.
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for table in tables:
        console.print(table)
