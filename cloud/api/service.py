"""The parts of a running service put together, started, and drained."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from cloud.admission.decoders import Decoders
from cloud.admission.input_processor import InputProcessor
from cloud.api.access import Access
from cloud.api.call import Calls
from cloud.api.description import describe, max_request_fields
from cloud.api.drain_gate import DrainGate
from cloud.api.grpc_server import SERVICE, add_inference, listen, new_server
from cloud.api.health import Health
from cloud.api.http.openai.api import OpenAiApi
from cloud.api.http.server import serving_http
from cloud.api.keyed_answers import KeyedAnswers
from cloud.api.places import Places
from cloud.api.request_bytes import RequestBytes
from cloud.api.servicer import Inference
from cloud.config import RateLimits, ServeConfig
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduler import Scheduler
from cloud.identity.authentication import Authentication
from cloud.models.dual_encoder import DualEncoder
from cloud.models.tail import Tail
from cloud.sharing.rates import Rates
from cloud.telemetry.opening import open_telemetry
from cloud.telemetry.statuses import first_of
from cloud.telemetry.telemetry import Telemetry

_MIN_EXPIRY_SECONDS, _MAX_EXPIRY_SECONDS = 0.5, 5.0  # from one sweep of what is kept to the next
_STOP_SECONDS = 1.0  # for replies that are under way when the server stops
_STREAM_SHARES = 8  # of the cameras' streams one connection may have one share
_HEALTH_CALLS, _HEALTH_CALLS_OF_ONE, _HEALTH_FIELDS = 64, 16, 16  # the last of a request


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
async def serving(tails: Mapping[str, Tail | DualEncoder], config: ServeConfig) -> AsyncIterator[Service]:
    """A running service for these tails by digest; leaving stops it at once (drain first).

    Raises RequestError where it cannot listen or know its callers, and what a task fails with, never a group.
    """
    encoder_cache, gate, description = _encoder_cache(config), DrainGate(), describe(tails)
    telemetry = open_telemetry(config, description.version, on_gpu=_on_gpu(tails))
    scheduler = Scheduler(config.max_batch, max_wait=config.max_wait)
    engine = Engine(RequestQueue(scheduler, config.max_waiting), encoder_cache, telemetry)
    keyed = KeyedAnswers(engine, config.max_answer_bytes, config.keep_answers)
    telemetry.metrics.watch_engine(engine)
    telemetry.metrics.watch_caches({**encoder_cache.caches, "answers": keyed.cache})
    max_fields = max(max_request_fields(tail.bundle) for tail in tails.values())
    largest = description.max_request_bytes
    access = await _access(config)
    places = Places(config.max_calls, config.max_calls // 2)
    request_bytes = RequestBytes(config.max_arriving_bytes, largest, places)
    calls = Calls(access, places, request_bytes, Rates(config.rates), max_fields)
    stream_places = Places(config.max_streams, max(1, config.max_streams // _STREAM_SHARES))
    streams = calls.beside(stream_places, RequestBytes(config.max_stream_bytes, largest, stream_places))
    with Decoders() as decoders:
        input_processor = InputProcessor(tails, encoder_cache, decoders)
        inference = Inference(
            engine,
            input_processor,
            gate,
            calls,
            streams,
            keyed,
            telemetry,
            description,
            config.max_in_flight,
        )
        server, healthy = new_server(largest, config), Health(_health_calls(access, largest), [SERVICE])
        add_inference(server, inference, telemetry.metrics.sent)
        healthy.add_to(server)
        api = OpenAiApi(tails, access, calls, inference, telemetry, largest)
        address = listen(server, config)
        await healthy.status.set(SERVICE, HealthCheckResponse.SERVING)
        try:
            async with (
                asyncio.TaskGroup() as tasks,  # an engine that fails takes the server down with it
                serving_http(config, access, telemetry.metrics, api) as http_url,
            ):
                running = tasks.create_task(engine.run(), name="engine")
                keeping = [
                    tasks.create_task(_expire(encoder_cache, keyed), name="expiry"),
                    tasks.create_task(access.run(), name="access"),
                ]
                service = Service(address, http_url, engine, telemetry, running, server, healthy, gate)
                await server.start()
                telemetry.metrics.serve(serving=True)
                try:
                    yield service
                finally:
                    for task in keeping:
                        task.cancel()
                    await service.stop()
                    await keyed.close()
        except ExceptionGroup as group:
            raise first_of(group) from None
        finally:
            await telemetry.close()


def _on_gpu(tails: Mapping[str, Tail | DualEncoder]) -> bool:
    return any(tail.placement.device.type == "cuda" for tail in tails.values())


async def _access(config: ServeConfig) -> Access:
    """Raises RequestError for files or a URL that are not what they should be."""
    if not config.access.identified:
        return Access(None)
    authentication = Authentication(config.access)
    await authentication.start()
    return Access(authentication)


def _health_calls(access: Access, largest: int) -> Calls:
    """Places of their own, for requests that are small."""
    places = Places(_HEALTH_CALLS, _HEALTH_CALLS_OF_ONE)
    return Calls(access, places, RequestBytes(0, largest, places), Rates(RateLimits()), _HEALTH_FIELDS)


def _encoder_cache(config: ServeConfig) -> EncoderCache:
    return EncoderCache(config.max_frame_bytes, config.keep, max_sent_bytes=config.max_sent_bytes)


async def _expire(encoder_cache: EncoderCache, keyed: KeyedAnswers) -> None:
    """Free the memory of expired frames and answers, until cancelled."""
    while True:
        await asyncio.sleep(max(_MIN_EXPIRY_SECONDS, min(encoder_cache.seconds / 4, _MAX_EXPIRY_SECONDS)))
        encoder_cache.expire()
        keyed.expire()
