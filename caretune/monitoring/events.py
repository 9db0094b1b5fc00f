"""What monitoring keeps of a judged message: words of the taxonomy, no text, no id, no person."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from caretune.safety.decision import Decision
from caretune.safety.taxonomy import (
    Action,
    BiasType,
    CrisisType,
    Gate,
    PiiType,
    Severity,
    ToxicityKind,
    Violation,
)

Clock = Callable[[], datetime]
"""Returns the time with its zone."""
Role = Literal["user", "assistant", "conversation"]
NAME = "judged"
"""What an event line says in its field `event`; other lines of a log say something else."""


class Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag=NAME):
    """One judged message, or one conversation judged as a whole.

    Every word is one of the taxonomy's, so that no event can carry what somebody wrote.
    """

    time: Annotated[datetime, msgspec.Meta(tz=True)]
    """When it was judged, with its zone."""
    role: Role
    """Whose message: `user`, `assistant` for a reply of ours, `conversation` for turns."""
    action: Action
    severity: Severity
    types: list[CrisisType]
    toxicity: ToxicityKind
    """`none` where the message is not toxic."""
    bias: list[BiasType]
    violation: Violation | None
    """What makes a reply unfit; null for a fit reply and for a user's message."""
    pii: list[PiiType]
    """Kinds of personal data found, each once, sorted."""
    gates_failed: list[Gate]
    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """Filter bundle that decided."""
    latency_ms: Annotated[float, msgspec.Meta(ge=0)]
    """How long the filters took, in milliseconds."""

    @property
    def filter_failed(self) -> bool:
        """Tell whether a filter raised: the chain then blocks, scores nothing, closes all gates."""
        return (
            self.action == Action.BLOCK
            and self.severity == Severity.UNSCORED
            and len(self.gates_failed) == len(Gate)
        )


def of(decision: Decision, role: Role, clock: Clock, latency_ms: float) -> Event:
    """Return the event of a decision; the decision's id and spans are left behind.

    Args:
        decision: What the chain said.
        role: Whose message it was.
        clock: Tells the time of the event.
        latency_ms: How long the filters took, in milliseconds.
    """
    reply = decision.appropriateness
    return Event(
        time=clock(),
        role=role,
        action=Action(decision.action),
        severity=Severity(decision.crisis.severity),
        types=sorted(map(CrisisType, decision.crisis.types)),
        toxicity=ToxicityKind(decision.toxicity.kind if decision.toxicity.toxic else "none"),
        bias=sorted(map(BiasType, decision.bias.types)),
        violation=None if reply is None or reply.appropriate else Violation(reply.violation),
        pii=sorted({PiiType(span.type) for span in decision.pii}),
        gates_failed=[Gate(found.gate) for found in decision.gates if not found.passed],
        digest=decision.digest,
        latency_ms=round(latency_ms, 3),
    )
