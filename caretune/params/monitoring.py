"""Parameters of `caretune monitor`: the most in a log of events that is no alert."""

from typing import Annotated

from pydantic import Field

from caretune.params.section import Count, Positive, PositiveFloat, Rate, Section, Weight

_MONTH = 31 * 24 * 60


class Monitoring(Section):
    """Windows and limits; an alert is a value above its limit."""

    window_minutes: Annotated[int, Field(ge=1, le=_MONTH)]
    """Length of the windows in which rates are taken."""
    cool_down_minutes: Annotated[int, Field(ge=0, le=_MONTH)]
    """A rule that fires again within this after it cleared is the same alert."""
    min_events: Positive
    """Shares and latencies of fewer events than this are not judged."""
    max_filter_failures: Count
    """Messages in a window on which a filter raised."""
    max_imminent_per_hour: Weight
    """Messages of imminent severity."""
    max_reply_pii_rate: Rate
    """Share of the replies that held personal data."""
    max_silence_minutes: Positive
    """Whole minutes between two events."""
    max_latency_p99_ms: PositiveFloat
    """Milliseconds that the filters took, all but the slowest hundredth of a window."""
    max_stopped_reply_rate: Rate
    """Share of the replies that were blocked or replaced."""
    max_unreadable_rate: Rate
    """Share of the log's lines that could not be read."""
    max_unscored_rate: Rate
    """Share of the messages without a severity."""
