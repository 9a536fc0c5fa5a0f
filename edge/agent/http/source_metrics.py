"""What sources have read, asked and been answered, as Prometheus reads it."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from edge.agent.status.agent_status import AgentStatus

_COUNTS = {
    "read": "Frames read",
    "dropped": "Frames that nobody had time for",
    "gated": "Questions answered again as before: the frame was like an earlier one",
    "asked": "Questions asked",
    "as_before": "Questions asked whose answer was as before: the features were, or the model said the same",
    "failed": "Questions that could not be answered",
    "held": "Questions that a budget of the day kept from being asked",
}


class SourceCollector(Collector):
    """The counts of every source, when it is asked."""

    def __init__(self, status: AgentStatus) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        sources = self._status.snapshot().sources
        for name, words in _COUNTS.items():
            counted = CounterMetricFamily(f"isthmus_source_{name}", words, labels=["source"])
            for source, counts in sources.items():
                counted.add_metric([source], getattr(counts, name))
            yield counted
        opened = GaugeMetricFamily("isthmus_source_open", "0 while a source is lost", labels=["source"])
        for source, counts in sources.items():
            opened.add_metric([source], counts.state == "open")
        yield opened
