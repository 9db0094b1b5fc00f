"""Parameters of the `filters` stage."""

from typing import Annotated

from pydantic import Field

from caretune.params.section import Count, Positive, PositiveFloat, Rate, Section


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
    """Share of harmless messages a head may flag in cross-validation; sets its threshold."""
    crisis_max_false_alarm_rate: Rate
    """The same for the crisis heads, which may flag more, since a miss costs more."""
    max_message_chars: Positive
    """A longer message fails the content-length gate (characters)."""
