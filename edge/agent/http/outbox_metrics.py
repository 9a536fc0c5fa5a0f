"""What waits in the outbox, and what became of the rest, as Prometheus reads it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.agent.outbox.outbox import Outbox
from protos.errors import OutboxError

_OUTCOMES = ("kept", "refused", "answered", "dropped")


class OutboxCollector(Collector):
    """Of an outbox, when it is asked. Where its disk fails, what waits is not known, and left out."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def collect(self) -> Iterator[Metric]:
        words = "Deferred questions by what became of them, since the agent began"
        counted = CounterMetricFamily("isthmus_outbox", words, labels=["outcome"])
        for outcome in _OUTCOMES:
            counted.add_metric([outcome], self._outbox.counts[outcome])
        yield counted
        try:
            backlog = self._outbox.backlog()
        except OutboxError:
            return
        yield GaugeMetricFamily("isthmus_outbox_waiting", "Deferred questions that wait", backlog.waiting)
        yield GaugeMetricFamily("isthmus_outbox_bytes", "Of its file, on disk", backlog.bytes)
        words = "How long the oldest that waits has waited; 0 where none does"
        yield GaugeMetricFamily("isthmus_outbox_oldest_seconds", words, backlog.oldest_seconds)
