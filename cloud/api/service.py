"""The parts of a running service put together, started, and drained."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from cloud.admission.decoders import Decoders
from cloud.admission.input_processor import InputProcessor
from cloud.api.admin import Admin
from cloud.api.callers import open_callers
from cloud.api.description import describe
from cloud.api.drain_gate import DrainGate
from cloud.api.grpc_server import ADMIN_SERVICE, SERVICE, add_admin, add_inference, listen, new_server
from cloud.api.health import Health
from cloud.api.http.openai.api import OpenAiApi
from cloud.api.http.server import serving_http
from cloud.api.kept import Kept, new_engine
from cloud.api.servicer import Inference
from cloud.config import ServeConfig
from cloud.control.model_control import ModelControl
from cloud.control.shadow import Shadow
from cloud.control.traffic import TrafficControl
from cloud.engine.engine import Engine
from cloud.filters.content_filters import ContentFilters
from cloud.filters.registry import open_filters
from cloud.models.request_bounds import max_request_bytes
from cloud.models.served_models import ServedModels
from cloud.runner.executor import Executor, ThreadExecutor
from cloud.sharing.caller import Caller
from cloud.telemetry.metrics import Metrics
from cloud.telemetry.opening import open_telemetry
from cloud.telemetry.statuses import first_of
from cloud.telemetry.telemetry import Telemetry
from cloud.version import version
from protos import inference_pb2 as ip
from protos.errors import RequestError
from protos.terminal.units import format_size

_STOP_SECONDS = 1.0  # for replies that are under way when the server stops


@dataclass(frozen=True)
class Service:
    """A listening server, and its engine."""

    address: str
    http_url: str  # empty: nothing is served over HTTP
    engine: Engine
    telemetry: Telemetry
    _running: asyncio.Task[None]
    _server: grpc.aio.Server
    _health: Health
    _gate: DrainGate
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    def lose_model(self, why: str) -> None:
        """All that the model held is lost: fail whatever waits or runs, and say that nothing is served."""
        self.engine.lose(why)
        self._tell_health(serving=False)

    def restore_model(self) -> None:
        """The model works again."""
        if not self._gate.closed:
            self._tell_health(serving=True)

    def _tell_health(self, *, serving: bool) -> None:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        self.telemetry.metrics.serve(serving=serving)
        for name in ("", SERVICE):  # the first is the whole server
            task = asyncio.create_task(self._health.status.set(name, status), name=f"health {name}")
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def drain(self, seconds: float) -> bool:
        """Refuse new requests; whether the others finish within `seconds`."""
        await self._close()
        try:
            async with asyncio.timeout(seconds):
                await self._gate.empty()
        except TimeoutError:
            return False
        return True

    async def give_up(self) -> None:
        """The model hangs, and nobody can end it: refuse new requests, fail all others as UNAVAILABLE, and
        close, without waiting for the model.
        """
        await self._close()
        self.engine.abandon("the model hangs, and the service starts anew; ask again")
        await self._server.stop(_STOP_SECONDS)

    async def _close(self) -> None:
        self._gate.close()
        self.telemetry.metrics.serve(serving=False)
        await self._health.status.enter_graceful_shutdown()

    async def stop(self) -> None:
        """Fail unfinished requests as UNAVAILABLE, and close."""
        self._gate.close()
        self._running.cancel()
        await asyncio.wait([self._running])
        await self._server.stop(_STOP_SECONDS)


@asynccontextmanager
async def serving(
    models: ServedModels, config: ServeConfig, executor: Executor | None = None
) -> AsyncIterator[Service]:
    """A running service for these models; leaving stops it at once (drain first). `executor`: theirs; a
    thread of this process, unless told.

    Raises RequestError where it cannot listen or know its callers, and what a task fails with, never a group.
    """
    largest = _max_request(models, config)
    telemetry = open_telemetry(config, version(), on_gpu=_on_gpu(models))
    filters = ContentFilters(open_filters(config.filters), telemetry.metrics.filtered)
    executor = executor or ThreadExecutor()
    engine, kept = new_engine(config, executor, telemetry, filters)
    _tell(telemetry.metrics, engine, kept)
    callers, gate, traffic = await open_callers(models, config, largest), DrainGate(), TrafficControl(models)
    control = ModelControl(models, engine.held, executor, config, largest)
    with Decoders() as decoders:
        input_processor = InputProcessor(models, kept.frames, decoders, filters)
        describes = partial(_describe, models, largest, traffic)
        inference = Inference(
            engine, input_processor, gate, callers, kept, telemetry, describes, config.max_in_flight
        )
        server, healthy = new_server(largest, config), Health(callers.small, [SERVICE, ADMIN_SERVICE])
        add_inference(server, inference, telemetry.metrics.sent)
        add_admin(server, Admin(callers.small, control, traffic, known=config.knows_admins))
        healthy.add_to(server)
        api = OpenAiApi(models, callers, inference, telemetry, largest)
        address = listen(server, config)
        await healthy.status.set(SERVICE, HealthCheckResponse.SERVING)
        try:
            async with (
                asyncio.TaskGroup() as tasks,  # an engine that fails takes the server down with it
                serving_http(config, callers.access, telemetry.metrics, api) as http_url,
            ):
                running = tasks.create_task(engine.run(), name="engine")
                shadow = Shadow(engine, models, traffic)
                beside = {"expiry": kept.expire(), "access": callers.access.run(), "shadow": shadow.run()}
                keeping = [tasks.create_task(work, name=name) for name, work in beside.items()]
                service = Service(address, http_url, engine, telemetry, running, server, healthy, gate)
                executor.tell(service.lose_model, service.restore_model)
                await server.start()
                telemetry.metrics.serve(serving=True)
                try:
                    yield service
                finally:
                    for task in keeping:
                        task.cancel()
                    await service.stop()
                    await kept.close()
        except ExceptionGroup as group:
            raise first_of(group) from None
        finally:
            await telemetry.close()


def _describe(
    models: ServedModels, largest: int, traffic: TrafficControl, caller: Caller
) -> ip.DescribeReply:
    return describe(models, largest, traffic.recommended(caller.device))


def _tell(metrics: Metrics, engine: Engine, kept: Kept) -> None:
    """What there is, when it is asked for."""
    metrics.watch_engine(engine)
    metrics.watch_caches(kept.counts)
    metrics.watch_answers(kept.answers)


def _on_gpu(models: ServedModels) -> bool:
    return any(model.placement.device.type == "cuda" for model in models)


def _max_request(models: ServedModels, config: ServeConfig) -> int:
    """Bytes of the longest request that is read, as long as the service runs. Raises RequestError for
    --max-request below what a bundle needs.
    """
    longest = max(max_request_bytes(model.bundle) for model in models)
    if 0 < config.max_request < longest:
        raise RequestError(
            f"--max-request is {format_size(config.max_request)}, and requests for what is served may have "
            f"{format_size(longest)}; give that or more, or leave it out"
        )
    return config.max_request or longest
