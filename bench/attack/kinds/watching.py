"""Streams of Watch that send what is no frame, do not read, or do nothing."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import grpc

from bench.attack.attacker import OPTIONS, SERVICE, Attacker, Got, Target
from bench.attack.inputs import http2
from bench.attack.inputs.messages import GARBAGE
from bench.attack.kinds.places import Holder
from protos import inference_pb2 as ip
from protos.features import coding_of

_METHOD = f"{SERVICE}/Watch"
_PAUSE = 0.02  # seconds from one message of a stream to the next
_HEADS = 16  # bytes of HTTP/2 and gRPC in front of a message, at most
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class WatchGarbage(Attacker):
    name = "watch-garbage"
    words = "a Watch stream of bytes that are no message and of random frames, a right one now and then"

    async def attack(self, got: Got) -> None:
        async with grpc.aio.insecure_channel(self.target.address, OPTIONS) as channel:
            start: Any = channel.stream_stream(f"/{_METHOD}", response_deserializer=ip.WatchReply.FromString)
            while True:
                try:
                    async for reply in start(self._messages()):
                        failed = reply.HasField("failure")
                        got[_CODES[reply.failure.code] if failed else "OK"] += 1
                except grpc.aio.AioRpcError as error:
                    got[f"stream {error.code().name}"] += 1
                await asyncio.sleep(_PAUSE)

    async def _messages(self) -> AsyncIterator[bytes]:
        yield _opening(self.target)
        payloads = _payloads(self.target)
        noise = [os.urandom(len(payload)) for payload in payloads]
        for sequence in itertools.count(1, 2):
            for message in (*GARBAGE.values(), _frame(sequence, noise), _frame(sequence + 1, payloads)):
                yield message
                await asyncio.sleep(_PAUSE)


class IdleWatches(Holder):
    name = "idle-watches"
    words = "300 Watch streams of one connection that are opened, and send no frame"
    connections, calls = 1, 300

    def begin(self, connection: http2.Connection) -> None:
        self.opened(connection)

    def opened(self, connection: http2.Connection) -> int:
        """The number of a stream that is open."""
        stream = connection.begin(_METHOD)
        connection.message(stream, _opening(self.target))
        return stream


class IdleWatchesOfMany(IdleWatches):
    name = "idle-watches-of-many"
    words = "300 Watch streams of as many connections that are opened, and send no frame"
    connections, calls = 300, 1


class HalfFrames(IdleWatches):
    name = "half-frames"
    words = "300 Watch streams of one connection whose first frame never becomes whole"

    def begin(self, connection: http2.Connection) -> None:
        connection.message(self.opened(connection), b"half", size=1000)


class UnreadWatches(IdleWatches):
    name = "unread-watches"
    words = "30 Watch streams of each of 10 connections that send frames, and read no answer"
    connections, calls, window = 10, 30, 0

    def begin(self, connection: http2.Connection) -> None:
        stream, room = self.opened(connection), http2.WINDOW // self.calls - len(_opening(self.target))
        for sequence in itertools.count(1):
            frame = _frame(sequence, _payloads(self.target))
            room -= len(frame) + _HEADS
            if room < 0:
                break
            connection.message(stream, frame)


def _opening(target: Target) -> bytes:
    """Of a stream of frames as the right request has one."""
    request, features = target.request, target.request.features
    cut, codec = coding_of(features, target.manifest)
    opening = ip.WatchOpening(
        bundle=request.bundle,
        cut=cut,
        codec=codec,
        rows=features.rows,
        columns=features.columns,
        question=request.question,
        labels=request.labels,
        generation=request.generation,
    )
    return ip.WatchRequest(opening=opening).SerializeToString()


def _payloads(target: Target) -> list[bytes]:
    return [payload.data for payload in target.request.features.payloads]


def _frame(sequence: int, payloads: list[bytes]) -> bytes:
    return ip.WatchRequest(sequence=sequence, key_frame=True, payloads=payloads).SerializeToString()
