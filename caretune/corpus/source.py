"""One data source: where it lies, which bytes it must have, which adapter reads it."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from caretune.corpus.sources import (
    chat,
    concepts,
    counsel_chat,
    criteria,
    dialogues,
    mibot,
    ontology,
    personas,
    physical_activity,
    transcripts,
)
from caretune.corpus.sources.raw import RawConversation, Rows
from caretune.lineage import digest
from caretune.records import BadRow

_ADAPTERS: dict[str, Callable[[Path], Rows]] = {
    "dialogues": dialogues.read,
    "concepts": concepts.read,
    "concept_statements": concepts.read_statements,
    "counsel_chat": counsel_chat.read,
    "chat": chat.read,
    "mibot": mibot.read,
    "physical_activity": physical_activity.read,
    "transcripts": transcripts.read,
    "ontology": ontology.read,
    "criteria": criteria.read,
    "personas": personas.read,
}


class Source(NamedTuple):
    """One data source as params name it.

    `domains` maps a category to its domain; any other category gets `default_domain`.
    """

    name: str
    adapter: str
    path: Path
    license: str
    sha256: str
    url: str | None
    domains: Mapping[str, str]
    default_domain: str | None
    weight: float = 1.0
    """Share of its rows that enter, 0..1."""
    cap: int | None = None
    """At most so many of its rows enter; None = no limit."""


class RawRow(NamedTuple):
    """A row as its adapter read it."""

    source: str
    """Name of its source."""
    name: str
    """What the ledger calls it."""
    line: int
    row: RawConversation | BadRow


def read(source: Source) -> Rows:
    """Yield the source's rows as it tells them, with their line numbers."""
    return _ADAPTERS[source.adapter](source.path)


def named(source: Source) -> Iterator[RawRow]:
    """Yield the source's rows, each under a name of its own.

    The name is `source:line`; where one line gives several rows, the second is `source:line.2`.
    """
    before, part = 0, 1
    for line, row in read(source):
        part = part + 1 if line == before else 1
        before = line
        name = f"{source.name}:{line}" if part == 1 else f"{source.name}:{line}.{part}"
        yield RawRow(source.name, name, line, row)


def check_bytes(source: Source) -> None:
    """Check that the file is there and has exactly the bytes that params name.

    Raises:
        SourceError: It is missing (ends with the command that fetches it, where one does) or has
            another digest (which is given).
    """
    field = f"params.ingest.sources.{source.name}"
    remedy = f"Put it there, or set {field}.enabled to false."
    if source.url is not None:
        fetch = shlex.join(["dvc", "import-url", source.url, str(source.path)])
        remedy = f"Fetch it from the project root: {fetch}"
    digest.check_source(source.path, source.sha256, field, remedy)
