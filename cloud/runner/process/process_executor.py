"""Models in a process of their own, which is started anew where it hangs or ends."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from types import TracebackType
from typing import Any, Self, cast
from weakref import WeakKeyDictionary

import torch

from cloud.models.loading import described_tail
from cloud.models.memory import free_bytes
from cloud.models.placement import Placement
from cloud.models.served_models import ServedModel
from cloud.models.vision_tail import VisionTail
from cloud.runner.executor import ResultT, WorkP
from cloud.runner.faults import ModelLost
from cloud.runner.loading import LoadOptions
from cloud.runner.process import work
from cloud.runner.process.life import Life
from cloud.runner.process.restarts import Restarts
from cloud.runner.process.wire import MODEL, Reference
from protos.bundle import Bundle
from protos.errors import IsthmusError

_log = logging.getLogger(__name__)
_SWEEP_SECONDS, _LOOK_SECONDS = 1.0, 0.1
_AWAY = (
    "the model's process ended and is being started anew; ask again in some seconds, or answer on the device"
)


@dataclass(frozen=True)
class _Loaded:
    number: int
    options: LoadOptions  # what was chosen, so that a model that is loaded again computes as before


class ProcessExecutor:
    """An Executor; `running` starts one."""

    def __init__(self) -> None:
        self._life: Life | None = None
        self._up = False  # with all models
        self._closed = False
        self._numbers = count()
        self._models: WeakKeyDictionary[ServedModel, _Loaded] = WeakKeyDictionary()
        self._there: set[int] = set()  # numbers of the models that the process has
        self._loading = asyncio.Lock()
        self._lost: Callable[[str], None] = _nobody
        self._restored: Callable[[], None] = _nobody
        self.restarts = Restarts()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """Leaving ends the process at once. Raises ModelLost where it does not come up."""
        executor = cls()
        try:
            await executor._start()
            executor._up = True
            yield executor
        finally:
            executor._up, executor._closed = False, True
            if executor._life:
                await executor._life.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It runs on without an engine."""

    @property
    def pid(self) -> int:
        """Of the process; 0 while there is none."""
        return self._life.pid if self._life else 0

    def tell(self, lost: Callable[[str], None], restored: Callable[[], None]) -> None:
        self._lost, self._restored = lost, restored

    async def run(self, work: Callable[WorkP, ResultT], *arguments: WorkP.args, **_: WorkP.kwargs) -> ResultT:
        return cast(ResultT, await self._ask(work.__name__, arguments))

    async def load(self, bundle: Bundle, options: LoadOptions, held: int | None = None) -> ServedModel:
        async with self._loading:
            if not self._up:
                raise ModelLost(_AWAY)
            number, life = next(self._numbers), self._life
            *named, threads = await self._load(number, bundle, options, held)
            device, dtype, why, device_name = named
            placement = Placement(torch.device(device), getattr(torch, dtype), why, device_name)
            model = await asyncio.to_thread(described_tail, bundle, placement, threads)
            if self._life is not life:
                raise ModelLost(_AWAY)
            chosen = replace(options, device=device, dtype=dtype, threads=threads)
            self._models[model] = _Loaded(number, chosen)
            return model

    async def free_bytes(self, device: torch.device) -> int:
        if device.type == "cpu":
            return free_bytes(device)
        return int(await self._ask(work.FREE_BYTES, [device.type]))

    async def unloaded(self) -> None:
        await self._sweep()

    async def held(self) -> tuple[int, int]:
        """How many models and how many other things the process holds."""
        models, others = await self._ask(work.HELD, [])
        return models, others

    async def supervise(self, hanging: Callable[[], Awaitable[None]]) -> None:
        """Start the process anew whenever it ends, and end it where it hangs, which `hanging` waits for. Ends
        where that does not help.
        """
        keeping = [asyncio.create_task(self._kill_hanging(hanging)), asyncio.create_task(self._sweeping())]
        try:
            while (life := self._life) and await life.lost.wait():
                status = await life.end()
                if self._closed or not await self._start_anew(status):
                    return
        finally:
            for task in keeping:
                task.cancel()

    async def _kill_hanging(self, hanging: Callable[[], Awaitable[None]]) -> None:
        while True:
            await hanging()
            if self._up and self._life:
                _log.error("a step of the model takes too long; its process is ended")
                self._life.kill()
                await self._life.lost.wait()
            await asyncio.sleep(_LOOK_SECONDS)  # its step has yet to be told

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            with suppress(ModelLost):
                await self._sweep()

    async def _sweep(self) -> None:
        """Tell the process what nobody refers to any more."""
        gone = self._there - {loaded.number for loaded in self._models.values()}
        if self._life and not self._loading.locked() and (gone or self._life.freed):
            await self._ask(work.FORGET, [sorted(gone)])
            self._there -= gone

    async def _start_anew(self, status: int) -> bool:
        """Whether it runs again, with all its models, sooner or later."""
        while (delay := self.restarts.delay(time.monotonic())) is not None:
            _log.error("the model's process ended (%s); it is started anew in %g s", _words(status), delay)
            await asyncio.sleep(delay)
            try:
                await self._start()
                for model, loaded in list(self._models.items()):
                    await self._load(loaded.number, model.bundle, loaded.options, None)
            except IsthmusError as error:
                _log.error("the model's process does not come up: %s", error)
                status = await self._life.end() if self._life else 0
                continue
            _log.warning("the model runs again")
            self._up = True
            self._restored()
            return True
        return False

    async def _start(self) -> None:
        self._life, self._there = Life(self._ended), set()
        await self._life.start()

    def _ended(self) -> None:
        if self._up:
            self._up = False
            self._lost(_AWAY)

    async def _load(self, number: int, bundle: Bundle, options: LoadOptions, held: int | None) -> Any:
        arguments = [number, str(bundle.path), bundle.digest, asdict(options), held]
        assert self._life
        facts = await self._life.ask(work.LOAD, arguments)
        self._there.add(number)
        return facts

    async def _ask(self, name: str, arguments: Any) -> Any:
        if not self._up or self._life is None:
            raise ModelLost(_AWAY)
        return await self._life.ask(name, arguments, self._refer)

    def _refer(self, thing: object) -> Reference | None:
        if not isinstance(thing, VisionTail):
            return None
        return Reference(MODEL, [self._models[cast(ServedModel, thing)].number])


def _nobody(*_: object) -> None:
    """Nobody is to be told."""


def _words(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with status {status}"
