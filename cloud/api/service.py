"""The parts of a running service put together, started, and drained."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cloud.admission.input_processor import InputProcessor
from cloud.api.drain_gate import DrainGate
from cloud.api.server import Inference
from cloud.config import ServeConfig
from cloud.engine.encoder_cache import EncoderCache
from cloud.engine.engine import Engine
from cloud.engine.scheduler import Scheduler
from cloud.models.dual_encoder import DualEncoder
from cloud.models.placement import Placement
from cloud.models.tail import Tail, max_request_bytes
from protos import inference_pb2 as ip
from protos.errors import RequestError
from protos.inference_pb2_grpc import add_InferenceServicer_to_server

SERVICE = ip.DESCRIPTOR.services_by_name["Inference"].full_name

_DECODERS = 2  # threads that decode payloads and pictures; torch has the other cores
_MIN_PAUSE, _MAX_PAUSE = 0.5, 5.0  # seconds between two looks for what is to be forgotten
_LAST_WORDS = 1.0  # seconds for replies that are under way when the server stops


@dataclass(frozen=True)
class Service:
    """A server that listens, and the engine that runs behind it."""

    address: str
    engine: Engine
    _running: asyncio.Task[None]
    _server: grpc.aio.Server
    _probe: health.aio.HealthServicer
    _gate: DrainGate

    async def drain(self, seconds: float) -> bool:
        """Let nobody in any more, and those inside finish within `seconds`; whether they did."""
        self._gate.close()
        await self._probe.enter_graceful_shutdown()
        try:
            async with asyncio.timeout(seconds):
                await self._gate.empty()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Fail what is unfinished as UNAVAILABLE, and close."""
        self._gate.close()
        self._running.cancel()
        await asyncio.wait([self._running])
        await self._server.stop(_LAST_WORDS)


@asynccontextmanager
async def serving(
    tails: Mapping[str, Tail | DualEncoder], placement: Placement, config: ServeConfig
) -> AsyncIterator[Service]:
    """A running service for these tails by digest; leaving stops it at once (drain first). Raises
    RequestError where it cannot listen.
    """
    frames, gate = (
        EncoderCache(config.max_frame_bytes, config.keep, max_sent_bytes=config.max_sent_bytes),
        DrainGate(),
    )
    engine = Engine(Scheduler(config.max_waiting), frames, config.max_batch)
    description = _describe(tails, placement)
    with ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode") as pool:
        inference = Inference(
            engine, InputProcessor(tails, frames, pool), gate, description, config.max_in_flight
        )
        server = grpc.aio.server(
            options=_options(description.max_request_bytes), maximum_concurrent_rpcs=_max_rpcs(config)
        )
        add_InferenceServicer_to_server(inference, server)
        probe, address = await _probe(server), _listen(server, config)
        async with (
            asyncio.TaskGroup() as tasks
        ):  # an engine that fails takes the service down, instead of leaving it deaf
            service = Service(
                address, engine, tasks.create_task(engine.run(), name="engine"), server, probe, gate
            )
            forgetting = tasks.create_task(_forget(frames), name="forgetting")
            await server.start()
            try:
                yield service
            finally:
                forgetting.cancel()
                await service.stop()


async def _forget(frames: EncoderCache) -> None:
    """Drop what has been kept for long enough, until cancelled."""
    while True:
        await asyncio.sleep(max(_MIN_PAUSE, min(frames.seconds / 4, _MAX_PAUSE)))
        frames.expire()


def _options(max_request_bytes: int) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", max_request_bytes),
        (
            "grpc.so_reuseport",
            0,
        ),  # else a second service on the same port would start, and get half of the requests
        # Devices ping every 20 s to notice a lost link; by default gRPC takes more than one ping in 5 minutes
        # for abuse and hangs up.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]


def _max_rpcs(config: ServeConfig) -> int:
    """Bounds the requests held in memory; well above what the queue lets in, so that it is the queue that
    says no, with a reason.
    """
    return 2 * (config.max_waiting + config.max_batch) + 64


async def _probe(server: grpc.aio.Server) -> health.aio.HealthServicer:
    probe = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    reflection.enable_server_reflection([SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    await probe.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    return probe


def _listen(server: grpc.aio.Server, config: ServeConfig) -> str:
    try:
        port = server.add_insecure_port(f"{config.host}:{config.port}")
    except RuntimeError as error:
        place = f"{config.host}:{config.port}"
        message = (
            f"cannot listen on {place}: the port is taken, or the address is not this machine's; "
            "choose another --listen"
        )
        raise RequestError(message, listen=place) from error
    return f"{config.host}:{port}"


def _describe(tails: Mapping[str, Tail | DualEncoder], placement: Placement) -> ip.DescribeReply:
    most = max(max_request_bytes(tail.bundle) for tail in tails.values())
    reply = ip.DescribeReply(
        version=_version(), device=placement.device_name, dtype=placement.dtype_name, max_request_bytes=most
    )
    for tail in tails.values():
        manifest = tail.bundle.manifest
        reply.bundles.add(digest=tail.digest, model=manifest.model, cuts=[cut.name for cut in manifest.cuts])
    return reply


def _version() -> str:
    try:
        return importlib.metadata.version("isthmus")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
