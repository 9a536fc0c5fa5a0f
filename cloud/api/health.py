"""Health for whoever asks, reflection for operators, from bytes, in places of their own: health must answer
while another service is full, and a caller of it must not fill the memory either.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from cloud.api.access import Context
from cloud.api.call import Call, Calls
from cloud.api.small_requests import check_small, small_request
from cloud.identity.identity import Role


class Health:
    """grpc.health.v1.Health, and reflection of these services, itself among them."""

    def __init__(self, calls: Calls, services: list[str]) -> None:
        self._calls = calls
        self.status = health.aio.HealthServicer()
        known = [*services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        self._reflection = reflection.aio.ReflectionServicer(known)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Add both services."""
        of_health = health_pb2.HealthCheckResponse.SerializeToString
        of_reflection = reflection_pb2.ServerReflectionResponse.SerializeToString
        handlers: dict[str, dict[str, grpc.RpcMethodHandler[bytes, Any]]] = {
            health.SERVICE_NAME: {
                "Check": grpc.stream_unary_rpc_method_handler(self._check, None, of_health),
                "Watch": grpc.stream_stream_rpc_method_handler(self._watch, None, of_health),
            },
            reflection.SERVICE_NAME: {
                "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                    self._reflect, None, of_reflection
                )
            },
        }
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(name, methods) for name, methods in handlers.items()]
        )

    async def _check(self, _: object, context: Context) -> health_pb2.HealthCheckResponse:
        async def serve(call: Call) -> health_pb2.HealthCheckResponse:
            request = await small_request(call, health_pb2.HealthCheckRequest)
            return await self.status.Check(request, context)

        return await self._calls.served(serve, context, needs=None)

    async def _watch(self, _: object, context: Context) -> None:
        async def serve(call: Call) -> None:
            request = await small_request(call, health_pb2.HealthCheckRequest)
            async with call.yielding():
                await self.status.Watch(request, context)

        await self._calls.served(serve, context, needs=None)

    async def _reflect(self, _: object, context: Context) -> None:
        async def serve(call: Call) -> None:
            async for response in self._reflection.ServerReflectionInfo(_questions(call), context):
                await call.send(response)

        await self._calls.served(serve, context, needs=Role.OPERATOR)


async def _questions(call: Call) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
    kind = reflection_pb2.ServerReflectionRequest
    while (received := await call.next_request(kind, lambda: True)) is not None:
        check_small(received.size)
        call.release(received)
        yield received.request
