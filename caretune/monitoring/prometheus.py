"""Counters as Prometheus text, from a registry of our own: nothing of the process comes along.

Labels hold words of the taxonomy alone, one label a family, so the series are a few dozen.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from caretune.monitoring.tally import Tally

_MS = 1000


def text(tally: Tally, lines: Mapping[str, int], firing: Mapping[str, bool]) -> str:
    """Return the text exposition of a tally.

    Args:
        tally: What was counted.
        lines: Lines read, by what became of them.
        firing: Every alert rule, and whether it fires; empty where no rule was asked.
    """
    registry = CollectorRegistry()
    registry.register(_Collected([*_counted(tally), *_lines(lines), *_alerts(firing)]))
    return generate_latest(registry).decode()


class _Collected(Collector):
    """Hands finished metrics to a registry."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics."""
        return self._metrics


def _counted(tally: Tally) -> Iterator[Metric]:
    for family in tally.families():
        metric = CounterMetricFamily(
            f"caretune_{family.name}", f"{family.meaning}.", labels=[family.label]
        )
        for word, count in family.counts.items():
            metric.add_metric([str(word)], count)
        yield metric
    failures = CounterMetricFamily("caretune_filter_failures", "Messages on which a filter raised.")
    failures.add_metric([], tally.failures)
    yield failures
    name = "caretune_filter_latency_seconds"
    summary = Metric(name, "How long the filters took per message.", "summary")
    for share, latency_ms in tally.quantiles().items():
        if latency_ms is not None:
            summary.add_sample(name, {"quantile": share}, latency_ms / _MS)
    summary.add_sample(f"{name}_sum", {}, round(tally.latency_ms / _MS, 6))
    summary.add_sample(f"{name}_count", {}, tally.events)
    yield summary


def _lines(lines: Mapping[str, int]) -> Iterator[Metric]:
    metric = CounterMetricFamily(
        "caretune_lines",
        "Lines read or written, by what became of them (mended and unknown_fields ones are counted twice).",
        labels=["kind"],
    )
    for kind, count in sorted(lines.items()):
        metric.add_metric([kind], count)
    yield metric


def _alerts(firing: Mapping[str, bool]) -> Iterator[Metric]:
    if not firing:
        return
    metric = GaugeMetricFamily(
        "caretune_alert", "1 where the rule fires somewhere in the log.", labels=["rule"]
    )
    for rule, fires in sorted(firing.items()):
        metric.add_metric([rule], int(fires))
    yield metric
