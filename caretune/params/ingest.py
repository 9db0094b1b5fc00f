"""Parameters of the `ingest` stage."""

from typing import Annotated, Literal

from pydantic import Field

from caretune.params.section import Rate, Section


class Source(Section):
    """One data source; an enabled source must exist with exactly these bytes."""

    adapter: Literal["dialogues", "concepts", "counsel_chat", "chat"]
    """The module of caretune/corpus/sources that reads it."""
    path: str
    """File, relative to the project root or absolute."""
    license: str
    """SPDX identifier, as the source states it."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Digest of the file; ingest refuses other bytes and prints the new digest."""
    enabled: bool
    """Whether the rows enter the corpus."""
    url: str | None = None
    """Where `dvc import-url` fetches a source that does not ship; a pinned commit."""
    domains: dict[str, str] = Field(default_factory=dict)
    """Topic of the source -> domain; a topic not listed gets `default_domain`."""
    default_domain: str = "mental_health_support"
    """Domain of rows whose topic stands in no table."""


class Ingest(Section):
    """Which sources make the corpus."""

    sources: dict[str, Source]
    max_bad_rate: Rate
    """More bad rows than this share of one file stop the run (exit code 2)."""
    redact: bool
    """Replace personal data at the door with typed placeholders."""
