"""Parameters of the `ingest` stage."""

from typing import Annotated, Literal

from pydantic import Field

from caretune.params.section import Count, Positive, PositiveRate, Rate, Section


class Source(Section):
    """One data source; an enabled source must exist with exactly these bytes."""

    adapter: Literal[
        "dialogues",
        "concepts",
        "concept_statements",
        "counsel_chat",
        "chat",
        "mibot",
        "physical_activity",
        "transcripts",
        "ontology",
        "criteria",
        "personas",
    ]
    """The module of caretune/corpus/sources that reads it."""
    path: str
    """File, relative to the project root or absolute."""
    license: str
    """SPDX identifier, as the source states it."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Digest of the file; ingest refuses other bytes and prints the new digest."""
    enabled: bool
    """Whether the rows enter the corpus."""
    weight: PositiveRate = 1.0
    """Share of its rows that enter, those lowest in sha256(seed, id); 1.0 = all."""
    cap: Positive | None = None
    """At most this many rows enter, those lowest in sha256(seed, id); null = no limit."""
    url: str | None = None
    """Where `dvc import-url` fetches a source that does not ship; a pinned commit."""
    domains: dict[str, str] = Field(default_factory=dict)
    """Topic of the source -> domain; a topic not listed gets `default_domain`."""
    default_domain: str = "mental_health_support"
    """Domain of rows whose topic stands in no table."""


class Quality(Section):
    """What a row must be to enter the corpus; a row of a crisis passes most of it, and is counted.

    Scores are 0..1 with 1.0 = best; caretune/corpus/quality/scores.py has their formulas. A score that
    cannot be measured (a text too short for it) drops nothing; 0.0 switches a threshold off.
    """

    max_message_chars: Positive
    """A longer message drops its row as `too_long` (characters)."""
    max_row_chars: Positive
    """A longer row is `too_long` (characters, all turns together)."""
    min_client_words: Count
    """A client who says fewer words in all makes a row `too_short`."""
    min_reply_words: Count
    """Replies of fewer words in all make a row `too_short`."""
    min_language: Rate
    """English function words on each side; below it a row is `other_language`."""
    min_variety: Rate
    """Share of distinct word 3-grams; below it a row is `repetitive`."""
    min_naturalness: Rate
    """Letters among the marks, nothing broken; below it a row is `unnatural`."""
    min_specificity: Rate
    """Words of this person's matter in the replies; below it a row is `generic_reply`."""
    min_fit: Rate
    """Words of feelings, troubles, counselling; below it a row is `not_therapeutic`."""
    min_transcription_quality: Rate
    """As the transcript's own marks tell it; below it a row is `poor_transcript`."""
    min_coherence: Rate
    """Content words that question and answer share; below it a row is `incoherent_answer`."""


class Ingest(Section):
    """Which sources make the corpus."""

    seed: Count
    """Rows of a source with a weight or a cap are taken in the order of sha256(seed, id)."""
    sources: dict[Annotated[str, Field(pattern="^[A-Za-z0-9_.-]{1,80}$")], Source]
    max_bad_rate: Rate
    """More bad rows than this share of one file stop the run (exit code 2)."""
    redact: bool
    """Replace personal data at the door with typed placeholders."""
    quality: Quality
    """What a row must be to enter the corpus."""
