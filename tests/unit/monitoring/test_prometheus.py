"""Prometheus text."""

from prometheus_client.parser import text_string_to_metric_families

from caretune.monitoring import prometheus
from caretune.monitoring.tally import Tally
from caretune.safety.taxonomy import Severity
from tests.unit.monitoring.made import event


def samples(text):
    """Parse an exposition into values by name and label."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_text_is_what_prometheus_reads():
    """Its own parser finds counters, latencies in seconds, lines and alerts."""
    tally = Tally()
    for _ in range(3):
        tally.add(event(severity=Severity.HIGH, latency_ms=2.0))
    found = samples(prometheus.text(tally, {"bad": 1}, {"silence": True, "slow_filters": False}))
    assert found["caretune_severities_total", "high"] == 3
    assert found["caretune_severities_total", "imminent"] == 0
    assert found["caretune_filter_failures_total",] == 0
    assert 0.002 <= found["caretune_filter_latency_seconds", "0.99"] <= 0.0021
    assert found["caretune_filter_latency_seconds_sum",] == 0.006
    assert found["caretune_filter_latency_seconds_count",] == 3
    assert found["caretune_lines_total", "bad"] == 1
    assert found["caretune_alert", "silence"] == 1
    assert found["caretune_alert", "slow_filters"] == 0


def test_only_our_own_series_are_there():
    """The private registry brings nothing of the process; without rules there is no alert series."""
    names = {name for name, *_ in samples(prometheus.text(Tally(), {}, {}))}
    assert names
    assert {name.split("_")[0] for name in names} == {"caretune"}
    assert "caretune_alert" not in names


def test_equal_counters_are_equal_bytes():
    """No time and no order of the run stands in the text."""
    assert prometheus.text(Tally(), {"b": 1, "a": 2}, {}) == prometheus.text(
        Tally(), {"a": 2, "b": 1}, {}
    )
