"""Counters over events: how many of each word; a few hundred numbers, however many events."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from caretune.monitoring import latency
from caretune.monitoring.events import Event
from caretune.safety.taxonomy import SEVERITIES, Severity

_SHARES = (0.5, 0.99)
_ORDER = (*SEVERITIES, Severity.UNSCORED)


class Family(NamedTuple):
    """One family of counters: its name, what it counts, the name of its label, its counts."""

    name: str
    meaning: str
    label: str
    counts: dict[str, int]


class Tally:
    """Counts events; empty when built."""

    def __init__(self) -> None:
        self.actions = Counter[str]()
        self.severities = Counter[str]()
        self.latencies = Counter[int]()
        self._latency_us = 0
        self.failures = 0
        self._roles = Counter[str]()
        self._types = Counter[str]()
        self._toxicity = Counter[str]()
        self._bias = Counter[str]()
        self._violations = Counter[str]()
        self._pii = Counter[str]()
        self._gates = Counter[str]()

    def add(self, event: Event) -> None:
        """Count one event."""
        self.actions[event.action] += 1
        self.severities[event.severity] += 1
        self.latencies[latency.bucket(event.latency_ms)] += 1
        self._latency_us += round(1000 * event.latency_ms)  # whole: no order of adding shows
        self.failures += event.filter_failed
        self._roles[event.role] += 1
        self._types.update(event.types)
        self._toxicity[event.toxicity] += 1
        self._bias.update(event.bias)
        self._violations.update([event.violation] if event.violation else [])
        self._pii.update(event.pii)
        self._gates.update(event.gates_failed)

    @property
    def events(self) -> int:
        """How many events were counted."""
        return self.actions.total()

    @property
    def latency_ms(self) -> float:
        """How long the filters took for all of them, in milliseconds."""
        return self._latency_us / 1000

    def families(self) -> Iterator[Family]:
        """Yield every family of counters, words sorted; severities, mildest first, with zeros."""
        toxic = Counter({kind: n for kind, n in self._toxicity.items() if kind != "none"})
        grades = {str(grade): self.severities[grade] for grade in _ORDER}
        yield Family("severities", "Judged messages by crisis severity", "severity", grades)
        for name, meaning, label, counts in (
            ("messages", "Judged messages", "role", self._roles),
            ("actions", "Decisions", "action", self.actions),
            ("crisis_types", "Messages with each crisis type", "type", self._types),
            ("toxicity", "Toxic messages", "kind", toxic),
            ("bias", "Messages with each type of bias", "type", self._bias),
            ("violations", "Unfit replies", "violation", self._violations),
            ("pii", "Messages with each kind of personal data", "type", self._pii),
            ("gates_failed", "Messages that failed a gate", "gate", self._gates),
        ):
            yield Family(name, meaning, label, {str(word): counts[word] for word in sorted(counts)})

    def quantiles(self) -> dict[str, float | None]:
        """Return latencies in milliseconds by share, as `0.5` and `0.99`; null without events."""
        return {f"{share:g}": latency.quantile(self.latencies, share) for share in _SHARES}

    def plain(self) -> dict[str, Any]:
        """Return all counters as plain values for JSON."""
        counted = {family.name: family.counts for family in self.families()}
        return counted | {
            "events": self.events,
            "filter_failures": self.failures,
            "latency_ms": {"quantiles": self.quantiles(), "sum": self.latency_ms},
        }
