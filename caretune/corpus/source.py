"""One data source: where it lies, which bytes it must have, which adapter reads it."""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from caretune.corpus.sources import chat, concepts, counsel_chat, dialogues
from caretune.corpus.sources.raw import Rows
from caretune.lineage import digest

_ADAPTERS: dict[str, Callable[[Path], Rows]] = {
    "dialogues": dialogues.read,
    "concepts": concepts.read,
    "counsel_chat": counsel_chat.read,
    "chat": chat.read,
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


def read(source: Source) -> Rows:
    """Yield the source's rows as it tells them, with their line numbers."""
    return _ADAPTERS[source.adapter](source.path)


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
