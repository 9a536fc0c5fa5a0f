"""A service without a model that says whom it takes its callers for: a real gRPC server, with TLS."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1.health_pb2 import HealthCheckResponse

from cloud.api.access import Access, Context
from cloud.api.call import Call, Calls
from cloud.api.grpc_server import SERVICE, add_inference, listen, new_server
from cloud.api.health import Health
from cloud.api.places import Places
from cloud.api.request_bytes import RequestBytes
from cloud.config import AccessConfig, RateLimits, ServeConfig
from cloud.identity.authentication import Authentication
from cloud.sharing.rates import Rates
from protos import inference_pb2 as ip
from protos.inference_pb2_grpc import InferenceServicer, InferenceStub

LARGEST = 1 << 20


class WhoIsIt(InferenceServicer):  # type: ignore[misc] # generated without types
    """Describe and Converse say who calls, as `tenant/device`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def Describe(self, _: object, context: Context) -> ip.DescribeReply:  # noqa: N802 - gRPC's name
        return await self._calls.served(self._describe, context)

    async def Converse(self, _: object, context: Context) -> None:  # noqa: N802
        await self._calls.served(self._converse, context)

    async def _describe(self, call: Call) -> ip.DescribeReply:
        await call.request(ip.DescribeRequest)
        return ip.DescribeReply(device=call.caller.connection)

    async def _converse(self, call: Call) -> None:
        while (received := await call.next_request(ip.InferRequest, lambda: True)) is not None:
            call.charge(received)
            call.release(received)
            await call.send(ip.InferReply(id=received.request.id, text=call.caller.connection))


@dataclass
class Guarded:
    """Such a service."""

    address: str
    access: Access
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def channel(self, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
        """A connection of its own; closed with the service."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        address = self.address.replace("127.0.0.1", "localhost")
        self.channels.append(
            grpc.aio.secure_channel(address, credentials, options)
            if credentials
            else grpc.aio.insecure_channel(self.address, options)
        )
        return self.channels[-1]

    async def who(
        self, token: str | None = None, channel: grpc.aio.Channel | None = None, seconds: float = 60
    ) -> str:
        """Whom the service takes a caller for."""
        call = InferenceStub(channel or self.channel()).Describe(
            ip.DescribeRequest(), metadata=bearing(token), timeout=seconds
        )
        reply: ip.DescribeReply = await call
        return reply.device

    async def refusal(
        self, token: str | None = None, channel: grpc.aio.Channel | None = None
    ) -> tuple[grpc.StatusCode, str]:
        """Why a caller is not let in."""
        try:
            found = await self.who(token, channel)
        except grpc.aio.AioRpcError as error:
            return error.code(), error.details() or ""
        raise AssertionError(f"{found} was let in")


def bearing(token: str | None) -> Sequence[tuple[str, str]]:
    return () if token is None else (("authorization", f"Bearer {token}"),)


@asynccontextmanager
async def guarded(access: AccessConfig, rates: RateLimits | None = None) -> AsyncIterator[Guarded]:
    """On a free port of this machine."""
    config = ServeConfig((Path(),), port=0, access=access)
    authentication = Authentication(access)
    await authentication.start()
    guard = Access(authentication if access.identified else None)
    places = Places(64, 32)
    limits = Rates(rates or RateLimits())
    calls = Calls(guard, places, RequestBytes(0, LARGEST, places), limits, lambda: 100)
    server: Any = new_server(LARGEST, config)
    add_inference(server, WhoIsIt(calls))
    health = Health(calls, [SERVICE])
    health.add_to(server)
    address = listen(server, config)
    await health.status.set(SERVICE, HealthCheckResponse.SERVING)
    await server.start()
    service = Guarded(address, guard)
    try:
        yield service
    finally:
        for channel in service.channels:
            await channel.close()
        await server.stop(1)
