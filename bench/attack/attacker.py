"""A hostile caller: its name, what it sends, and how it goes about it."""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip

SERVICE = "isthmus.v1.Inference"
OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each channel
]

Got = Counter[str]  # what the service did about it, how often


@dataclass(frozen=True)
class Target:
    """The service under attack, and what everybody may know of it: the manifest, and a request that is
    right.
    """

    address: str
    manifest: pb.Manifest
    request: ip.InferRequest

    def altered(self, **fields: Any) -> bytes:
        """The right request with other fields, as bytes."""
        changed = ip.InferRequest()
        changed.CopyFrom(self.request)
        for name in fields:
            changed.ClearField(name)
        changed.MergeFrom(ip.InferRequest(**fields))
        return changed.SerializeToString()


class Attacker(ABC):
    """What it sends is made in the constructor, so that the making does not count as its load."""

    name: ClassVar[str]
    words: ClassVar[str]  # what it sends, in a line

    def __init__(self, target: Target) -> None:
        self.target = target

    @classmethod
    def unfit(cls, manifest: pb.Manifest) -> str:
        """Why a bundle cannot be attacked so; empty where it can."""
        del manifest
        return ""

    @abstractmethod
    async def attack(self, got: Got) -> None:
        """Until cancelled."""


class CallingAttacker(Attacker):
    """Calls by gRPC, over one connection: so many calls at once, each followed by a pause."""

    method: ClassVar[str] = "Infer"
    at_once: ClassVar[int] = 8
    pause: ClassVar[float] = 0.02  # seconds

    @abstractmethod
    def message(self) -> bytes:
        """What the next call sends."""

    async def call(self, channel: grpc.aio.Channel) -> str:
        """Call once, to the end; the status."""
        start: Any = channel.unary_stream(f"/{SERVICE}/{self.method}")
        call = start(self.message())
        with suppress(grpc.aio.AioRpcError):
            async for _ in call:
                pass
        return str((await call.code()).name)

    async def attack(self, got: Got) -> None:
        async with grpc.aio.insecure_channel(self.target.address, OPTIONS) as channel:
            await side_by_side(self.at_once, lambda: self._again_and_again(channel, got))

    async def _again_and_again(self, channel: grpc.aio.Channel, got: Got) -> None:
        while True:
            got[await self.call(channel)] += 1
            await asyncio.sleep(self.pause)


async def side_by_side(count: int, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do the same so many times at once."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(count):
            tasks.create_task(work())
