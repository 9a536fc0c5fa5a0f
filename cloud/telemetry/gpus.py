"""GPUs as NVIDIA's own library (`nvidia-ml-py`) sees them, of a service that runs on one."""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_log = logging.getLogger(__name__)


def nvidia_library() -> Any | None:
    """NVIDIA's library, ready to be asked; None where it or its driver is not there."""
    if importlib.util.find_spec("pynvml") is None:
        _log.info("no metrics of the GPU without nvidia-ml-py; install it beside this service")
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        _log.warning("no metrics of the GPU: %s", error)
        return None
    return pynvml


class Gpus(Collector):
    """Memory and utilisation of all GPUs, asked for at each scrape."""

    def __init__(self, library: Any) -> None:
        """`library`: as `nvidia_library` gives it."""
        self._library = library

    def collect(self) -> Iterator[Metric]:
        memory = GaugeMetricFamily(
            "isthmus_cloud_gpu_memory_bytes", "Memory of a GPU", labels=["gpu", "kind"]
        )
        busy = GaugeMetricFamily(
            "isthmus_cloud_gpu_utilisation_ratio",
            "Part of the last second in which it worked",
            labels=["gpu"],
        )
        for index in range(self._library.nvmlDeviceGetCount()):
            with suppress(self._library.NVMLError):  # a part of a GPU (MIG) tells no utilisation
                gpu = self._library.nvmlDeviceGetHandleByIndex(index)
                found = self._library.nvmlDeviceGetMemoryInfo(gpu)
                memory.add_metric([str(index), "used"], found.used)
                memory.add_metric([str(index), "total"], found.total)
                busy.add_metric([str(index)], self._library.nvmlDeviceGetUtilizationRates(gpu).gpu / 100)
        yield from (memory, busy)
