"""Parameters of the `filters` stage."""

from typing import Annotated, Literal

from pydantic import Field

from caretune.params.section import Count, Positive, PositiveFloat, Rate, Section


class DevelopmentFile(Section):
    """One file of other people's labelled texts; it must have exactly these bytes."""

    path: str
    """File, relative to the project root or absolute."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Digest of the file; `filters` refuses other bytes and prints the new digest."""


class Filters(Section):
    """How the filter bundle is trained from the labelled messages."""

    seed: Count
    """Seed of the grouped folds."""
    folds: Annotated[int, Field(ge=2)]
    """Folds of the grouped cross-validation that sets the thresholds."""
    feature_bits: Annotated[int, Field(ge=10, le=22)]
    """The hashed feature space has 2 ** feature_bits places."""
    inverse_regularisation: PositiveFloat
    """C of the logistic regression; larger fits closer."""
    max_false_alarm_rate: Rate
    """Share of its task's harmless messages, mostly traps, that a head may flag in cross-validation."""
    crisis_noted_false_alarm_rate: Rate
    """The same for low severity and the crisis types, which are noted and change no answer."""
    crisis_answered_false_alarm_rate: Rate
    """The same for moderate severity and above, where the answer changes; of milder messages."""
    max_message_chars: Positive
    """A longer message fails the content-length gate (characters)."""
    development_use: Literal["none", "measure", "teach"]
    """What other people's sets are for: nothing, being judged unseen, or being learned from as well."""
    development: dict[
        Literal["diasafety", "guardian_crisis", "openai_moderation", "presidio_research"],
        list[DevelopmentFile],
    ]
    """The sets and their files, read where they lie; none ships with the project."""
