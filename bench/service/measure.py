"""All traffic on every service, in turns."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.service.contenders import Contenders, ServicePlan
from bench.service.crowd import AGAIN, FIRST, TimedAnswer, Watched
from bench.service.results import ISTHMUS, Row, Run, bound_of, measured_of
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
        measured = [bound_of(runs)] if runs else []
        for name in traffic.services:
            of_kind = [sample for sample in samples[name] if sample.kind == kind]
            measured.append(measured_of(name, of_kind, windows[name], answered[name]))
        workload = f"{traffic.workload}: {kind}" if group.again else traffic.workload
        yield Row(workload, group.devices, group.rate, measured)
