"""What a service is watched by, as its options have it."""

from cloud.config import ServeConfig
from cloud.telemetry.gpus import Gpus, nvidia_library
from cloud.telemetry.metrics import Metrics
from cloud.telemetry.telemetry import Telemetry
from cloud.telemetry.tracing import Traces
from cloud.telemetry.watchdog import Watchdog

_GPU_STEP_SECONDS, _CPU_STEP_SECONDS = 60.0, 600.0  # after which a step hangs, where nothing else is said


def open_telemetry(config: ServeConfig, version: str, *, on_gpu: bool) -> Telemetry:
    """`version` and `on_gpu`: of the service, and whether its models run on one."""
    metrics = Metrics()
    if on_gpu and (library := nvidia_library()):
        metrics.registry.register(Gpus(library))
    limit = config.step_limit or (_GPU_STEP_SECONDS if on_gpu else _CPU_STEP_SECONDS)
    return Telemetry(metrics, Watchdog(limit), Traces(config.traces, version) if config.traces else None)
