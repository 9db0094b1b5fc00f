"""Events made up for tests of monitoring."""

from datetime import UTC, datetime, timedelta
from typing import Any

from caretune.monitoring.events import Event
from caretune.safety.taxonomy import Action, Gate, Severity, ToxicityKind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(minute: float = 0, **given: Any) -> Event:
    """Build the event of a harmless message so many minutes after noon, with the changes given."""
    values: dict[str, Any] = {
        "time": NOON + timedelta(minutes=minute),
        "role": "user",
        "action": Action.ALLOW,
        "severity": Severity.NONE,
        "types": [],
        "toxicity": ToxicityKind.NONE,
        "bias": [],
        "violation": None,
        "pii": [],
        "gates_failed": [],
        "digest": "a" * 64,
        "latency_ms": 0.5,
    }
    return Event(**(values | given))


def reply(minute: float = 0, **given: Any) -> Event:
    """Build the event of a fit reply, with the changes given."""
    return event(minute, role="assistant", **given)


def failure(minute: float = 0) -> Event:
    """Build the event of a message on which a filter raised."""
    return event(minute, action=Action.BLOCK, severity=Severity.UNSCORED, gates_failed=list(Gate))
