"""Export: rows in the chat training format, with what a user of them must know beside each.

Rows are streamed: memory holds one group of rows, whatever the size of the corpus. The same rows
give the same bytes (Parquet: with the same pyarrow, whose version stands in the file).
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Literal, get_args

import msgspec

from caretune import records
from caretune.corpus import licences
from caretune.errors import CaretuneError
from caretune.lineage import digest
from caretune.records import Conversation, Crisis

Format = Literal["jsonl", "parquet", "csv"]
FORMATS: tuple[Format, ...] = ("jsonl", "parquet", "csv")

_GROUP_ROWS = 2_000
"""Rows of a Parquet row group: about 3.4 MB of text at 1.7 KB a row."""


class Message(msgspec.Struct, frozen=True):
    """One turn, as trainers expect it."""

    role: str
    content: str


class Row(msgspec.Struct, frozen=True):
    """One exported row; the fields are the columns, in this order."""

    id: str
    messages: list[Message]
    source: str
    license: str
    split: str | None
    family: str | None
    domain: str | None
    category: str | None
    difficulty: str | None
    severity: str | None
    severity_from: str | None
    """`gold` where its author labelled the row, else `filter`; null without either."""
    parent: str | None
    """Id of the row that an augmented child was made from."""
    strategy: str | None
    """How the child was made."""


class Manifest(msgspec.Struct, frozen=True):
    """What was exported; stands beside the file as NAME.manifest.json."""

    file: str
    format: str
    rows: int
    bytes: int
    sha256: str
    splits: dict[str, int]
    licenses: dict[str, int]
    """SPDX identifier -> rows."""
    attribution: list[str]
    """A line for each source and licence with what it asks for, to be kept with every copy."""


def exported(row: Conversation) -> Row:
    """Return a row of the corpus as it is exported."""
    crisis, origin = _crisis(row)
    return Row(
        id=row.id,
        messages=[Message(message.role, message.content) for message in row.messages],
        source=row.source,
        license=row.license,
        split=row.split,
        family=row.family,
        domain=row.domain,
        category=row.category,
        difficulty=row.difficulty,
        severity=None if crisis is None else crisis.severity,
        severity_from=origin,
        parent=row.parent,
        strategy=None if row.operation is None else row.operation.strategy,
    )


def write(out: Path, rows: Iterable[Conversation], *, kind: Format, force: bool) -> Manifest:
    """Write rows and the manifest beside them; both appear whole or not at all.

    Args:
        out: The file to write.
        rows: Read once, in their order.
        kind: Format of the file.
        force: Whether a file that stands there may be replaced.

    Raises:
        CaretuneError: A file or folder stands there already, or there is no row.
    """
    if out.is_dir():
        raise CaretuneError(f"{out}: is a folder. Name the file to write in it.")
    beside = manifest_path(out)
    standing = [path for path in (out, beside) if path.exists()]
    if standing and not force:
        raise CaretuneError(f"{standing[0]}: exists. Name a new file, or pass --force.")
    splits: Counter[str] = Counter()
    origins: Counter[tuple[str, str]] = Counter()

    def counted() -> Iterator[Row]:
        for row in rows:
            splits[row.split or "none"] += 1
            origins[row.source, row.license] += 1
            yield exported(row)

    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        made = Path(scratch) / out.name
        with made.open("wb") as file:
            _WRITERS[kind](file, counted())
        if not splits:
            raise CaretuneError(f"{out}: no row to export. Check the splits, or run `dvc repro`.")
        manifest = Manifest(
            file=out.name,
            format=kind,
            rows=splits.total(),
            bytes=made.stat().st_size,
            sha256=digest.sha256_file(made),
            splits=dict(splits),
            licenses=_licenses(origins),
            attribution=_attribution(origins),
        )
        # In this order a crash leaves a file without a manifest, never one with another's.
        beside.unlink(missing_ok=True)
        made.replace(out)
    records.write_json(beside, manifest)
    return manifest


def manifest_path(out: Path) -> Path:
    """Return where the manifest of an exported file stands."""
    return out.with_name(f"{out.name}.manifest.json")


def _crisis(row: Conversation) -> tuple[Crisis | None, str | None]:
    if row.gold is not None and row.gold.crisis is not None:
        return row.gold.crisis, "gold"
    return (row.filter.crisis, "filter") if row.filter is not None else (None, None)


def _licenses(origins: Counter[tuple[str, str]]) -> dict[str, int]:
    licenses: Counter[str] = Counter()
    for (_, name), count in origins.items():
        licenses[name] += count
    return dict(licenses)


def _attribution(origins: Counter[tuple[str, str]]) -> list[str]:
    lines = []
    for (source, name), count in sorted(origins.items()):
        owed = [duty for duty, names in licences.duties({name}).items() if names]
        uses = get_args(licences.Use)
        owed += [f"no {use} use" for use in uses if not licences.permits(name, use)]
        lines.append(f"{source}: {count} rows under {name}{': ' if owed else ''}{', '.join(owed)}.")
    return lines


def _write_jsonl(file: BinaryIO, rows: Iterator[Row]) -> None:
    file.writelines(records.encode(row) + b"\n" for row in rows)


def _write_csv(file: BinaryIO, rows: Iterator[Row]) -> None:
    """Write messages as JSON in one column; null is an empty cell."""
    with io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True) as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(Row.__struct_fields__)
        for row in rows:
            values = msgspec.structs.asdict(row)
            values["messages"] = records.encode(row.messages).decode()
            table.writerow(values.values())


def _write_parquet(file: BinaryIO, rows: Iterator[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    text = pa.string()
    message = pa.struct([pa.field(name, text, nullable=False) for name in ("role", "content")])
    kinds = dict.fromkeys(Row.__struct_fields__, text) | {"messages": pa.list_(message)}
    schema = pa.schema(list(kinds.items()))
    # Each option that shapes bytes is named, so that a new default changes nothing.
    options: dict[str, Any] = {
        "version": "2.6",
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": True,
        "write_statistics": True,
        "data_page_version": "1.0",
    }
    with parquet.ParquetWriter(file, schema, **options) as table:
        while group := [msgspec.to_builtins(row) for row in islice(rows, _GROUP_ROWS)]:
            table.write_table(pa.Table.from_pylist(group, schema), row_group_size=_GROUP_ROWS)


_WRITERS: dict[Format, Callable[[BinaryIO, Iterator[Row]], None]] = {
    "jsonl": _write_jsonl,
    "parquet": _write_parquet,
    "csv": _write_csv,
}
