"""What an evaluation leaves behind: one item per conversation and model, one result per metric.

Only these records reach the gate and the reports, so this module imports no model library.
"""

from typing import Literal

import msgspec

from caretune.lineage.fingerprint import Fingerprint

Direction = Literal["lower", "higher"]


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric's value with its interval.

    `low` and `high` are null where families are too few (bootstrap.MIN_FAMILIES) or all alike, and
    with `value` where nothing was scored: unscored is never 0.
    """

    name: str
    version: int
    unit: str
    direction: Direction
    """Which way is better; of a difference too, which is candidate minus baseline."""
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    """Level of the two-sided interval, 0..1."""
    n: int
    """Items scored."""
    unscored: int
    """Items the metric applies to but could not score."""
    families: int
    """Families with a scored item: the independent units."""
    deviation: float | None
    """Standard deviation of one family's influence on the value, in the metric's unit."""


class ReplyCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the filters say of a generated reply, and of the conversation that it answers."""

    action: str
    pii: int
    """Spans of personal data in the reply."""
    toxic: bool
    violation: str | None
    """Appropriateness violation; null where the reply is appropriate or was not judged."""
    appropriate: bool | None
    """None = not judged."""
    protocol: bool
    """True where the conversation's risk makes the service answer by protocol instead."""


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation under one model."""

    id: str
    family: str
    model: str
    domain: str | None
    severity: str | None
    nll_sum: float | None
    """Nats over the assistant tokens; null where there are none in the model's context."""
    tokens: int
    reply: str | None
    """Greedy reply in place of the last authored one; null where none was asked for."""
    rouge_l: float | None
    decision: ReplyCheck | None


class Decoding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How replies were made: template (sha256), parameters, and engine (package -> version)."""

    template: str
    parameters: dict[str, float | int | bool | str]
    engine: dict[str, str]


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """reports/evaluation/metrics.json."""

    models: dict[str, dict[str, Result]]
    paired: dict[str, dict[str, Result]]
    """`candidate - baseline` -> metric -> difference."""
    filters: str
    """Digest of the filter bundle that judged the replies."""
    decoding: Decoding
    fingerprint: Fingerprint
    subjects: dict[str, str] = {}
    """What was measured: `base`, `adapter/NAME`, `filters` -> sha256 of the folder."""


def pair(candidate: str, baseline: str) -> str:
    """Return the key of a paired difference."""
    return f"{candidate} - {baseline}"
