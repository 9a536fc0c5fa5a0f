"""Bytes that are no request, or one of countless fields."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import grpc

from bench.attack.attacker import OPTIONS, SERVICE, Attacker, CallingAttacker, Got, Target
from bench.attack.inputs.messages import GARBAGE, countless
from protos import inference_pb2 as ip

_FIELDS = 2_100_000  # in 4.2 MB
_PAUSE = 0.02  # seconds from one message of a stream to the next
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class EmptyPayloads(CallingAttacker):
    name = "empty-payloads"
    words = "4.2 MB of empty payloads, 40 requests at once"
    kind = "payloads"
    at_once = 40
    pause = 1.0

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._message = countless(_FIELDS)[self.kind]

    def message(self) -> bytes:
        return self._message


class EmptyLabels(EmptyPayloads):
    name = "empty-labels"
    words = "4.2 MB of empty labels, 40 requests at once"
    kind = "labels"


class Unreadable(CallingAttacker):
    name = "unreadable"
    words = "bytes that are no message"

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self._messages = itertools.cycle(GARBAGE.values())

    def message(self) -> bytes:
        return next(self._messages)


class UnreadableInStream(Attacker):
    name = "unreadable-in-stream"
    words = "a Converse stream of bytes that are no message, with a question now and then"

    async def attack(self, got: Got) -> None:
        async with grpc.aio.insecure_channel(self.target.address, OPTIONS) as channel:
            start: Any = channel.stream_stream(
                f"/{SERVICE}/Converse", response_deserializer=ip.InferReply.FromString
            )
            while True:
                try:
                    async for reply in start(self._messages()):
                        _count(reply, got)
                except grpc.aio.AioRpcError as error:
                    got[f"stream {error.code().name}"] += 1
                await asyncio.sleep(_PAUSE)

    async def _messages(self) -> AsyncIterator[bytes]:
        question = self.target.altered()
        for message in itertools.cycle([*GARBAGE.values(), question]):
            yield message
            await asyncio.sleep(_PAUSE)


def _count(reply: ip.InferReply, got: Got) -> None:
    if reply.HasField("failure"):
        got[_CODES[reply.failure.code]] += 1
    elif reply.HasField("done"):
        got["OK"] += 1
