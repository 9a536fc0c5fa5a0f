"""The RPCs of the Admin service, for operators and admins."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from cloud.api.access import Context
from cloud.api.call import Call, Calls
from cloud.api.small_requests import small_request
from cloud.control.model_control import ModelControl
from cloud.control.traffic import TrafficControl
from cloud.identity.identity import Role
from protos import admin_pb2 as ap
from protos.admin_pb2_grpc import AdminServicer
from protos.errors import NotPermitted

AskedT = TypeVar("AskedT", bound=Message)
AdminReplyT = TypeVar("AdminReplyT", bound=Message)


class Admin(AdminServicer):  # type: ignore[misc] # generated without types
    """Has places of its own, so that it answers while the service is full."""

    def __init__(self, calls: Calls, models: ModelControl, traffic: TrafficControl, *, known: bool) -> None:
        """`known`: whether callers are those who they say, or only this machine reaches the service."""
        self._calls, self._models, self._traffic, self._known = calls, models, traffic, known

    async def Load(self, _: object, context: Context) -> ap.Model:  # noqa: N802 - gRPC's name
        """Load a bundle, and serve it beside the others."""

        async def load(request: ap.LoadRequest) -> ap.Model:
            return await self._models.load(request.name)

        return await self._served(context, Role.ADMIN, ap.LoadRequest, load)

    async def Unload(self, _: object, context: Context) -> ap.UnloadReply:  # noqa: N802
        """Serve a bundle no longer."""

        async def unload(request: ap.UnloadRequest) -> ap.UnloadReply:
            return await self._models.unload(request.digest, request.drain_milliseconds / 1000)

        return await self._served(context, Role.ADMIN, ap.UnloadRequest, unload)

    async def Models(self, _: object, context: Context) -> ap.ModelsReply:  # noqa: N802
        """What is loaded, and what may be."""

        async def listed(_: ap.ModelsRequest) -> ap.ModelsReply:
            return await self._models.listed()

        return await self._served(context, Role.OPERATOR, ap.ModelsRequest, listed)

    async def SetTraffic(self, _: object, context: Context) -> ap.Traffic:  # noqa: N802
        """Begin, change or end a rollout."""

        async def changed(request: ap.SetTrafficRequest) -> ap.Traffic:
            return self._traffic.set(request)

        return await self._served(context, Role.ADMIN, ap.SetTrafficRequest, changed)

    async def GetTraffic(self, _: object, context: Context) -> ap.Traffic:  # noqa: N802
        """The rollout and its evidence."""

        async def told(_: ap.GetTrafficRequest) -> ap.Traffic:
            return self._traffic.told()

        return await self._served(context, Role.OPERATOR, ap.GetTrafficRequest, told)

    async def _served(
        self,
        context: Context,
        needs: Role,
        kind: type[AskedT],
        answer: Callable[[AskedT], Awaitable[AdminReplyT]],
    ) -> AdminReplyT:
        """Answer a call of who has the role that it needs."""

        async def serve(call: Call) -> AdminReplyT:
            request = await small_request(call, kind)
            if not self._known:
                raise NotPermitted(
                    "this service is reached through a proxy and knows nobody, so it lets nobody change it; "
                    "start it with --tokens, --jwks or --client-ca"
                )
            return await answer(request)

        return await self._calls.served(serve, context, needs)
