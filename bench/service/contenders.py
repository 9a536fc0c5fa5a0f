"""The contenders, each in a process of its own that runs on from when it is first needed."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from typing import Any, NamedTuple

from bench.rig import child
from bench.rig.cloud_process import CloudProcess
from bench.rig.watched_process import WatchedProcess
from bench.service.crowd import Crowd, Group, TimedAnswer, Watched, plan_of
from bench.service.results import ISTHMUS, PLAIN, Run
from cloud.config import PROCESS
from protos.bundle import Bundle

_BATCHES = (1, 2, 4, 8, 16, 32)  # that the bound is the best of, up to one for each device


class ServicePlan(NamedTuple):
    """What is measured: `kinds` of traffic, `devices` in the closed loop, `rounds` of windows of
    `seconds`.
    """

    kinds: Collection[str]
    devices: Sequence[int]
    rounds: int
    seconds: float
    tokens: int
    device: str
    dtype: str
    threads: int
    engine: str = PROCESS


class Contenders:
    """They end with `running`."""

    def __init__(self, bundle: Bundle, plan: ServicePlan, running: ExitStack) -> None:
        self._path, self._plan, self._running = bundle.path.resolve(), plan, running
        self._services: dict[str, WatchedProcess] = {}

    def crowd(self, name: str, groups: Sequence[Group]) -> tuple[Watched, list[list[TimedAnswer]]]:
        """What a service used while groups of devices asked it, and what these saw. Raises CloudError or
        IsthmusError.
        """
        service, plan = self._service(name), self._plan
        url = service.http_url if isinstance(service, CloudProcess) else ""
        crowd = Crowd(service.address, service.pid, groups, plan.seconds / 2, plan.seconds, url)
        (found,) = child.results("bench.service.crowd", plan_of(crowd))
        return Watched(*found["watched"]), [
            [TimedAnswer(*sample) for sample in group] for group in found["groups"]
        ]

    def bound(self, group: Group) -> Iterator[Run]:
        """The model alone, by the two largest of the batches that so many devices can fill. Raises
        IsthmusError.
        """
        for batch in [size for size in _BATCHES if size <= group.devices][-2:]:
            asked = {"folder": group.folder, "batch": batch, "seconds": self._plan.seconds / 2}
            yield Run(batch, **self._model(asked))

    def _service(self, name: str) -> WatchedProcess:
        if name not in self._services:
            self._services[name] = self._running.enter_context(self._new(name))
        return self._services[name]

    def _new(self, name: str) -> WatchedProcess:
        plan = self._plan
        if name == PLAIN:
            arguments = (self._path, plan.device, plan.dtype, plan.threads)
            return WatchedProcess(
                "the plain server", arguments, "listening on ", module="bench.service.plain"
            )
        options = (
            "--http",
            "127.0.0.1:0",
            "--device",
            plan.device,
            "--dtype",
            plan.dtype,
            "--threads",
            plan.threads,
            "--engine",
            plan.engine,
        )
        return CloudProcess(self._path, options=options if name == ISTHMUS else (*options, "--max-batch", 1))

    @cached_property
    def _model(self) -> Callable[[Mapping[str, Any]], Any]:
        plan = self._plan
        arguments = (self._path, plan.device, plan.dtype, plan.threads)
        return self._running.enter_context(child.conversation("bench.service.bound", arguments))
