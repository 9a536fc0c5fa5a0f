"""Which bundle is open, as Prometheus reads it."""

from prometheus_client import CollectorRegistry

from edge.agent.http.update_metrics import UpdateCollector
from edge.agent.status.update_status import UpdateStatus


def test_the_open_bundle_and_what_became_of_others_are_told() -> None:
    registry, status = CollectorRegistry(), UpdateStatus(bundle="3fa9", swaps=2)
    registry.register(UpdateCollector(status))
    status.failed("no way to there")
    assert registry.get_sample_value("isthmus_bundle", {"digest": "3fa9", "update": "failed"}) == 1
    assert registry.get_sample_value("isthmus_bundle_swaps_total") == 2
    assert registry.get_sample_value("isthmus_bundle_failures_total") == 1
