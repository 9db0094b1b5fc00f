"""Counters over events."""

from caretune.monitoring.tally import Tally
from caretune.safety.taxonomy import Severity, ToxicityKind, Violation
from tests.unit.monitoring.made import event, failure, reply

EVENTS = [
    event(severity=Severity.IMMINENT, types=["panic", "self_harm"], latency_ms=0.1),
    event(toxicity=ToxicityKind.HATE, bias=["age"], pii=["EMAIL"], latency_ms=0.2),
    reply(violation=Violation.DIAGNOSIS, gates_failed=["medical_advice"], latency_ms=0.3),
    failure(),
]


def counted(events):
    """Count events."""
    tally = Tally()
    for each in events:
        tally.add(each)
    return tally


def test_every_part_of_an_event_is_counted():
    """Severities show their zeros; words that never came up in another family are absent."""
    plain = counted(EVENTS).plain()
    assert plain.pop("latency_ms") == {"quantiles": {"0.5": 0.21, "0.99": 0.505}, "sum": 1.1}
    gates = plain.pop("gates_failed")
    assert (gates["medical_advice"], gates["profanity"]) == (2, 1)
    assert plain == {
        "actions": {"allow": 3, "block": 1},
        "bias": {"age": 1},
        "crisis_types": {"panic": 1, "self_harm": 1},
        "events": 4,
        "filter_failures": 1,
        "messages": {"assistant": 1, "user": 3},
        "pii": {"EMAIL": 1},
        "severities": {
            "none": 2, "low": 0, "moderate": 0, "high": 0, "imminent": 1, "unscored": 1,
        },
        "toxicity": {"hate": 1},
        "violations": {"diagnosis": 1},
    }  # fmt: skip


def test_the_order_of_events_does_not_show():
    """The same events in another order are the same counters, word for word."""
    there, back = counted(EVENTS), counted(EVENTS[::-1])
    assert repr(there.plain()) == repr(back.plain())


def test_nothing_is_counted_as_nothing():
    """A new tally has no event and no quantile, and is no error."""
    assert Tally().plain()["latency_ms"] == {"quantiles": {"0.5": None, "0.99": None}, "sum": 0.0}
