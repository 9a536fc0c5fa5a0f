"""Whether answers are the same, how many a second, and how quick the head is."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.gpu import heads, identity
from bench.gpu.heads import HeadOn
from bench.gpu.identity import Identity
from bench.service import measure as service
from bench.service.contenders import ServicePlan
from bench.service.kinds import FEATURES, MIXED
from bench.service.results import Row
from bench.service.workloads import read_requests, write_workloads
from protos.bundle import Bundle

TOKENS = 16  # that an answer has at most


class GpuPlan(NamedTuple):
    """What is measured: answers of `dtypes` beside float32, and those of the first of them a second."""

    device: str
    dtypes: Sequence[str]
    devices: int
    seconds: float
    repetitions: int  # of the head


@dataclass(frozen=True)
class GpuFigures:
    """All that was measured; `rows` as `bench service` has them, of `dtype`."""

    dtype: str
    identities: Sequence[Identity]
    heads: Sequence[HeadOn]
    rows: Sequence[Row]


def measure(bundle: Bundle, plan: GpuPlan, step: Callable[[str], None]) -> GpuFigures:
    """One after another; `step` is called with the name of each before it begins. Raises BundleError,
    CloudError, IsthmusError, or RequestError for a provider that does not start.
    """
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        workloads = write_workloads(bundle, TOKENS, Path(folder))
        requests = read_requests(workloads.folders[workloads.last])
        identities = identity.measure(bundle.path, plan.device, plan.dtypes, requests, step)
        step("the head")
        on_providers = list(heads.measure(bundle, plan.repetitions))
        served = _served(plan)
        rows = list(service.measure_workloads(bundle, workloads, served, step))
    return GpuFigures(served.dtype, identities, on_providers, rows)


def _served(plan: GpuPlan) -> ServicePlan:
    return ServicePlan(
        kinds=(FEATURES, MIXED),
        devices=(plan.devices,),
        rounds=1,
        seconds=plan.seconds,
        tokens=TOKENS,
        device=plan.device,
        dtype=plan.dtypes[0],
        threads=0,
    )
