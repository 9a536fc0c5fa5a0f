"""Every scenario on every service, in turns."""

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig import child
from bench.rig.cloud_process import CloudProcess
from bench.rig.watched_process import WatchedProcess
from bench.service.crowd import AGAIN, FIRST, Crowd, Group, Sample, Watched, plan_of
from bench.service.results import BOUND, ISTHMUS, PLAIN, UNBATCHED, Measured, Row, measured_of
from bench.service.scenarios import FEATURES, Scenario, closed_loop, open_loop
from bench.service.workloads import write_workloads
from protos.bundle import Bundle
from protos.errors import IsthmusError

_BATCHES = (1, 2, 4, 8, 16, 32)  # that the bound is the best of, up to one for each device


class Plan(NamedTuple):
    """How much is measured: `devices` in the closed loop, `rounds` of windows of `seconds`."""

    devices: Sequence[int]
    rounds: int
    seconds: float
    tokens: int
    dtype: str
    threads: int


def measure(bundle: Bundle, plan: Plan, advance: Callable[[str], None]) -> Iterator[Row]:
    """Every scenario, as it comes; `advance` is called with the name of each before it begins. Raises
    BundleError, CloudError or IsthmusError.
    """
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder, ExitStack() as running:
        workloads = write_workloads(bundle, plan.tokens, Path(folder))
        services = _Services(bundle, plan, running)
        most = 0.0
        for scenario in closed_loop(workloads, plan.devices):
            advance(scenario.workload)
            for row in services.measure(scenario):
                ours = row.of(ISTHMUS)
                most = max(most, ours.per_second if ours and row.workload == FEATURES else 0.0)
                yield row
        for scenario in open_loop(workloads, max(plan.devices), most):
            advance(scenario.workload)
            yield from services.measure(scenario)


class _Services:
    """The contenders, each in a process of its own, all of them running."""

    def __init__(self, bundle: Bundle, plan: Plan, running: ExitStack) -> None:
        self._plan = plan
        options = ("--dtype", plan.dtype, "--threads", plan.threads)
        made: Mapping[str, WatchedProcess] = {
            ISTHMUS: CloudProcess(bundle.path, options=options),
            UNBATCHED: CloudProcess(bundle.path, options=(*options, "--max-batch", 1)),
            PLAIN: _plain(bundle, plan),
        }
        self._services = {name: running.enter_context(service) for name, service in made.items()}
        self._bound = running.enter_context(_bound(bundle, plan))

    def measure(self, scenario: Scenario) -> Iterator[Row]:
        """A scenario in turns; of one that asks about frames again, a row for each kind of question."""
        windows: defaultdict[str, list[Watched]] = defaultdict(list)
        samples: defaultdict[str, list[Sample]] = defaultdict(list)
        others: defaultdict[str, int] = defaultdict(int)
        bounds: list[Measured] = []
        for _ in range(self._plan.rounds):
            if scenario.bound:
                bounds += self._bounds(scenario.reported)
            for name in scenario.services:
                found = self._crowd(name, scenario.groups)
                windows[name].append(Watched(*found["watched"]))
                *rest, reported = found["groups"]
                samples[name] += [Sample(*one) for one in reported]
                others[name] += sum(map(len, rest))
        group = scenario.reported
        for kind in (FIRST, AGAIN) if group.again else (FIRST,):
            of_kind = {name: [one for one in samples[name] if one.kind == kind] for name in windows}
            measured = [
                measured_of(
                    name, of_kind[name], windows[name], others[name] + len(samples[name]) - len(of_kind[name])
                )
                for name in windows
            ]
            best = max(bounds, key=lambda one: one.per_second, default=None)
            name = f"{scenario.workload}: {kind}" if group.again else scenario.workload
            yield Row(name, group.devices, group.rate, [*([best] if best else []), *measured])

    def _crowd(self, name: str, groups: Sequence[Group]) -> Any:
        service, plan = self._services[name], self._plan
        crowd = Crowd(service.address, service.pid, groups, plan.seconds / 2, plan.seconds)
        (found,) = child.results("bench.service.crowd", plan_of(crowd))
        return found

    def _bounds(self, group: Group) -> Iterator[Measured]:
        """The model alone, by the two largest of the batches that so many devices can fill."""
        for batch in [size for size in _BATCHES if size <= group.devices][-2:]:
            got = self._bound({"folder": group.folder, "batch": batch, "seconds": self._plan.seconds / 2})
            yield Measured(
                BOUND,
                got["requests"],
                0,
                "",
                got["requests"] / got["seconds"],
                got["tokens"] / got["seconds"],
                1000 * got["cpu_seconds"] / got["requests"],
            )


def _plain(bundle: Bundle, plan: Plan) -> WatchedProcess:
    arguments = (bundle.path.resolve(), plan.dtype, plan.threads)
    return WatchedProcess("the plain server", arguments, "listening on ", module="bench.service.plain")


@contextmanager
def _bound(bundle: Bundle, plan: Plan) -> Iterator[Callable[[Mapping[str, Any]], Any]]:
    """The process of the bound; what it measures comes by calling."""
    command = [
        sys.executable,
        "-m",
        "bench.service.bound",
        str(bundle.path.resolve()),
        plan.dtype,
        str(plan.threads),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stdin
        assert process.stdout
        answers, questions = process.stdout, process.stdin

        def read() -> Any:
            if not (line := answers.readline()):
                raise IsthmusError("the process of the model alone failed; what went wrong stands above")
            return json.loads(line)

        def ask(measurement: Mapping[str, Any]) -> Any:
            print(json.dumps(measurement), file=questions, flush=True)
            return read()

        try:
            read()
            yield ask
        finally:
            process.kill()
