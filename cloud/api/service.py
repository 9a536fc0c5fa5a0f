"""The parts of a running service put together, started, and drained."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from cloud.admission.decoders import Decoders
from cloud.admission.input_processor import InputProcessor
from cloud.answers.answer_store import AnswersInMemory, AnswerStore
from cloud.answers.shared_answers import SharedAnswers
from cloud.api.access import Access
from cloud.api.admin import Admin
from cloud.api.call import Calls
from cloud.api.description import describe, version
from cloud.api.drain_gate import DrainGate
from cloud.api.grpc_server import ADMIN_SERVICE, SERVICE, add_admin, add_inference, listen, new_server
from cloud.api.health import Health
from cloud.api.http.openai.api import OpenAiApi
from cloud.api.http.server import serving_http
from cloud.api.keyed_answers import KeyedAnswers
from cloud.api.places import Places
from cloud.api.request_bytes import RequestBytes
from cloud.api.servicer import Inference
from cloud.config import RateLimits, ServeConfig
from cloud.control.model_control import ModelControl
from cloud.control.shadow import Shadow
from cloud.control.traffic import TrafficControl
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.prefix_cache import PrefixCache
from cloud.engine.request_queue import RequestQueue
from cloud.engine.scheduler import Scheduler
from cloud.identity.authentication import Authentication
from cloud.models.request_bounds import max_request_bytes
from cloud.models.served_models import ServedModels
from cloud.sharing.rates import Rates
from cloud.telemetry.opening import open_telemetry
from cloud.telemetry.statuses import first_of
from cloud.telemetry.telemetry import Telemetry
from protos.errors import RequestError
from protos.terminal.units import format_size

_MIN_EXPIRY_SECONDS, _MAX_EXPIRY_SECONDS = 0.5, 5.0  # from one sweep of what is kept to the next
_STOP_SECONDS = 1.0  # for replies that are under way when the server stops
_STREAM_SHARES = 8  # of the cameras' streams one connection may have one share
_SMALL_CALLS, _SMALL_CALLS_OF_ONE, _SMALL_FIELDS = 64, 16, 16  # the last of a request


class Expiring(Protocol):
    """A cache of what is kept for a time."""

    def expire(self) -> None:
        """Free the memory of what is kept no more."""


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
async def serving(models: ServedModels, config: ServeConfig) -> AsyncIterator[Service]:
    """A running service for these models; leaving stops it at once (drain first).

    Raises RequestError where it cannot listen or know its callers, and what a task fails with, never a group.
    """
    encoder_cache, gate = _encoder_cache(config), DrainGate()
    prefix_cache, store = PrefixCache(config.max_prefix_bytes, config.keep), _answer_store(config)
    telemetry = open_telemetry(config, version(), on_gpu=_on_gpu(models))
    scheduler = Scheduler(config.max_batch, max_wait=config.max_wait)
    engine = Engine(RequestQueue(scheduler, config.max_waiting), encoder_cache, telemetry, prefix_cache)
    answers = SharedAnswers(engine, store)
    keyed = KeyedAnswers(answers, config.max_answer_bytes, config.keep_answers)
    telemetry.metrics.watch_engine(engine)
    caches = {**encoder_cache.caches, "prefixes": prefix_cache.cache, "answers": keyed.cache}
    telemetry.metrics.watch_caches(caches | ({"results": store.counts} if store else {}))
    traffic = TrafficControl(models)
    largest = _max_request(models, config)
    access = await _access(config)
    places = Places(config.max_calls, config.max_calls // 2)
    request_bytes = RequestBytes(config.max_arriving_bytes, largest, places)
    calls = Calls(access, places, request_bytes, Rates(config.rates), lambda: models.max_request_fields)
    stream_places = Places(config.max_streams, max(1, config.max_streams // _STREAM_SHARES))
    streams = calls.beside(stream_places, RequestBytes(config.max_stream_bytes, largest, stream_places))
    small_calls = _small_calls(access, largest)
    with Decoders() as decoders, ModelControl(models, engine.held, config, largest) as control:
        input_processor = InputProcessor(models, encoder_cache, decoders)
        inference = Inference(
            engine,
            input_processor,
            gate,
            calls,
            streams,
            answers,
            keyed,
            telemetry,
            lambda caller: describe(models, largest, traffic.recommended(caller.device)),
            config.max_in_flight,
        )
        server, healthy = new_server(largest, config), Health(small_calls, [SERVICE, ADMIN_SERVICE])
        add_inference(server, inference, telemetry.metrics.sent)
        add_admin(server, Admin(small_calls, control, traffic, known=config.knows_admins))
        healthy.add_to(server)
        api = OpenAiApi(models, access, calls, inference, telemetry, largest)
        address = listen(server, config)
        await healthy.status.set(SERVICE, HealthCheckResponse.SERVING)
        try:
            async with (
                asyncio.TaskGroup() as tasks,  # an engine that fails takes the server down with it
                serving_http(config, access, telemetry.metrics, api) as http_url,
            ):
                running = tasks.create_task(engine.run(), name="engine")
                keeping = [
                    tasks.create_task(
                        _expire(config.keep, encoder_cache, prefix_cache, answers, keyed), name="expiry"
                    ),
                    tasks.create_task(access.run(), name="access"),
                    tasks.create_task(Shadow(engine, models, traffic).run(), name="shadow"),
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
                    await answers.close()
        except ExceptionGroup as group:
            raise first_of(group) from None
        finally:
            await telemetry.close()


def _on_gpu(models: ServedModels) -> bool:
    return any(model.placement.device.type == "cuda" for model in models)


async def _access(config: ServeConfig) -> Access:
    """Raises RequestError for files or a URL that are not what they should be."""
    if not config.access.identified:
        return Access(None)
    authentication = Authentication(config.access)
    await authentication.start()
    return Access(authentication)


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


def _small_calls(access: Access, largest: int) -> Calls:
    """Places of their own, for requests that are small: health, reflection, admin."""
    places = Places(_SMALL_CALLS, _SMALL_CALLS_OF_ONE)
    return Calls(access, places, RequestBytes(0, largest, places), Rates(RateLimits()), lambda: _SMALL_FIELDS)


def _answer_store(config: ServeConfig) -> AnswerStore | None:
    """Raises RequestError where Redis is asked for and its package is missing."""
    seconds = config.result_seconds
    if not seconds:
        return None
    if config.redis is None:
        return AnswersInMemory(config.max_result_bytes, seconds)
    from cloud.answers.redis_answers import RedisAnswers  # the one who needs its package

    return RedisAnswers(config.redis, seconds)


def _encoder_cache(config: ServeConfig) -> EncoderCache:
    return EncoderCache(config.max_frame_bytes, config.keep, max_sent_bytes=config.max_sent_bytes)


async def _expire(keep: float, *caches: Expiring) -> None:
    """Free the memory of what is kept no more, until cancelled."""
    while True:
        await asyncio.sleep(max(_MIN_EXPIRY_SECONDS, min(keep / 4, _MAX_EXPIRY_SECONDS)))
        for cache in caches:
            cache.expire()
