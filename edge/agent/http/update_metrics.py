"""Which bundle is open, and whether others took its place, as Prometheus reads it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.agent.status.update_status import UpdateStatus


class UpdateCollector(Collector):
    """As it is when it is asked."""

    def __init__(self, status: UpdateStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status
        bundle = GaugeMetricFamily("isthmus_bundle", "The open bundle", labels=["digest", "update"])
        bundle.add_metric([status.bundle, status.state], 1)
        yield bundle
        yield CounterMetricFamily("isthmus_bundle_swaps", "Bundles that took another's place", status.swaps)
        words = "Bundles that were not had, or not taken"
        yield CounterMetricFamily("isthmus_bundle_failures", words, status.failures)
