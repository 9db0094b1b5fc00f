"""What an evaluation leaves behind: one item per conversation and model, one result per metric.

Only these records reach the gate and the reports, so this module imports no model library.
"""

from typing import Literal

import msgspec

from caretune.lineage.fingerprint import Fingerprint

Direction = Literal["lower", "higher"]
ALL = "all"
"""Name of the rows of all domains together."""
ACCURACY_GOAL = 0.90
"""Share of held-out tokens or requests that should find their domain's expert; a goal, no rule."""


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


class Routed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which experts one conversation used, and what it costs to choose one expert for all of it.

    `static` gates pick one expert, here for all turns by what is known at the last request.
    """

    likeliest: list[list[int]]
    """Tokens whose likeliest expert each is, `[routers][experts]`; padding left out."""
    chosen: list[int]
    """Top-k choices that fell on each expert, over tokens and routers, `[experts]`."""
    classified: str
    """Domain that the classifier tells at the last request."""
    classified_first: str
    """The same at the first client message, where nothing else is known."""
    requested: str
    """Domain of the last request as the service decides it: a risk that filters find comes first."""
    protocol: bool
    """True where the service answers the last request itself: no expert is asked."""
    static_requested_nll_sum: float | None
    """Nats over the assistant tokens with the expert of `requested`; null as for `Item.nll_sum`."""
    static_true_nll_sum: float | None
    """The same with the expert of the row's own domain; null too where the row has none."""


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
    routed: Routed | None = None
    """Null for a model without experts."""


class Decoding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How replies were made: template (sha256), parameters, and engine (package -> version)."""

    template: str
    parameters: dict[str, float | int | bool | str]
    engine: dict[str, str]


class Routing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the experts of one adapter are chosen on held-out families, and what the ways cost."""

    model: str
    experts: list[str]
    nll: dict[str, Result]
    """Way -> response NLL of the rows that have a domain and whose last request the service would ask
    the model about (high and imminent risks it answers itself): `token` (the routers), `static requested` (one
    expert a conversation, as the service would choose it) and `static true` (its domain's own)."""
    gaps: dict[str, Result]
    """The static ways minus `token`, paired by row; above 0 = one expert a request does worse."""
    accuracy: dict[str, dict[str, Result]]
    """Who tells the domain -> `all` or a domain -> share that is right, 1.0 = all: `router tokens`
    (tokens whose likeliest expert is right, mean over routers), `router majority` (rows whose most
    frequent likeliest expert is right), `classifier`, `classifier, first message` and `request`
    (the classifier behind the filters, over the rows of `nll`). Rows whose domain has no expert are
    unscored in `all`."""
    load: dict[str, list[float]]
    """`all` or a domain -> share of the top-k choices that each expert got, in their order."""


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
    routing: Routing | None = None
    """Of the adapter with experts; null where none was measured."""


def pair(candidate: str, baseline: str) -> str:
    """Return the key of a paired difference."""
    return f"{candidate} - {baseline}"
