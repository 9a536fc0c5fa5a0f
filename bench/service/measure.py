"""All traffic on every service, in turns."""

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.service.contenders import Contenders, ServicePlan
from bench.service.crowd import AGAIN, FIRST, TimedAnswer, Watched
from bench.service.results import ISTHMUS, Measured, Row, Run, bound_of, measured_of, shared_bound
from bench.service.traffic import FEATURES, Traffic, closed_loop, open_loop
from bench.service.workloads import Workloads, write_workloads
from protos.bundle import Bundle


def measure(bundle: Bundle, plan: ServicePlan, advance: Callable[[str], None]) -> Iterator[Row]:
    """All traffic, row by row; `advance` is called with the name of each before it begins. Raises
    BundleError, CloudError or IsthmusError.
    """
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        yield from measure_workloads(
            bundle, write_workloads(bundle, plan.tokens, Path(folder)), plan, advance
        )


def measure_workloads(
    bundle: Bundle, workloads: Workloads, plan: ServicePlan, advance: Callable[[str], None]
) -> Iterator[Row]:
    """The same with requests that are there already."""
    with ExitStack() as running:
        contenders = Contenders(bundle, plan, running)
        most = 0.0
        for traffic in closed_loop(workloads, plan.kinds, plan.devices):
            advance(traffic.workload)
            for row in _rows(traffic, contenders, plan.rounds):
                if row.workload == FEATURES and (ours := row.of(ISTHMUS)):
                    most = max(most, ours.per_second)
                yield row
        for traffic in open_loop(workloads, plan.kinds, max(plan.devices), most):
            advance(traffic.workload)
            yield from _rows(traffic, contenders, plan.rounds)


def _rows(traffic: Traffic, contenders: Contenders, rounds: int) -> Iterator[Row]:
    """One kind of traffic in turns; of one that asks about frames again, a row for each kind of question."""
    windows: defaultdict[str, list[Watched]] = defaultdict(list)
    samples: defaultdict[str, list[TimedAnswer]] = defaultdict(list)
    answered: defaultdict[str, int] = defaultdict(int)
    runs: list[Run] = []
    for _ in range(rounds):
        if traffic.bound:
            runs += contenders.bound(traffic.reported)
        for name in traffic.services:
            watched, groups = contenders.crowd(name, traffic.groups)
            windows[name].append(watched)
            samples[name] += groups[-1]
            answered[name] += sum(not sample.failure for group in groups for sample in group)
    group = traffic.reported
    for kind in (FIRST, AGAIN) if group.again else (FIRST,):
        measured = [
            measured_of(
                name, [one for one in samples[name] if one.kind == kind], windows[name], answered[name]
            )
            for name in traffic.services
        ]
        workload = f"{traffic.workload}: {kind}" if group.again else traffic.workload
        yield Row(workload, group.devices, group.rate, [*_bounds(runs, measured), *measured])


def _bounds(runs: Sequence[Run], measured: Sequence[Measured]) -> list[Measured]:
    """What the model does at most, alone, and where the devices that were measured first are beside it."""
    if not runs:
        return []
    bound = bound_of(runs)
    return [bound, shared_bound(bound, measured[0].devices_cpu_ms or 0.0, os.cpu_count() or 1)]
