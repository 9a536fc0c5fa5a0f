"""What the service itself tells of its batches."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

_BATCHES = "isthmus_cloud_batch_jobs"


def decode_batches(url: str) -> tuple[float, float]:
    """How many decode steps there were so far, and how many answers side by side in all of them together. Of
    no URL: none.
    """
    if not url:
        return 0.0, 0.0
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
        for sample in family.samples
        if family.name == _BATCHES and sample.labels.get("step") == "decode"
    }
    return found[f"{_BATCHES}_count"], found[f"{_BATCHES}_sum"]
