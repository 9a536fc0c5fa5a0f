"""Thousands of hostile messages to a real service, one after another and side by side, and what came back."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from protos import inference_pb2 as ip
from tests.cloud.fuzz.honest import Request
from tests.cloud.fuzz.mutations import Attack, attack
from tests.cloud.fuzz.streams import stream

_AT_ONCE = 8
_IN_A_STREAM = 12
_ENDED_WHILE_WRITING = "Internal error from Core"  # what grpc.aio makes now and then of a refusal then
Status = grpc.StatusCode
_BY_NUMBER = {status.value[0]: status for status in Status}
ALLOWED = {
    Status.OK,
    Status.INVALID_ARGUMENT,
    Status.NOT_FOUND,
    Status.RESOURCE_EXHAUSTED,
    Status.FAILED_PRECONDITION,
}
# An address, or the words of those whom we stand on
_INSIDE = re.compile(
    r"0x[0-9a-f]{6}|object at|Traceback|\.py\b|Errno|site-packages|\b(PIL|numpy|torch|upb|zstd:|libtiff)\b"
)


@dataclass
class Campaign:
    """Attacks of one seed on one service. A message that fails is kept in `folder`."""

    channel: grpc.aio.Channel
    honest: Sequence[Request]
    seed: int
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    async def run(self, count: int) -> None:
        """Send so many messages."""
        attacks = (attack(self.seed, index, self.honest) for index in range(count))
        batches = _batches(attacks, _IN_A_STREAM)

        streams = iter(range(count // _IN_A_STREAM // 4))

        async def send() -> None:
            for batch in batches:
                if batch[0].index // _IN_A_STREAM % 4:
                    for one in batch:
                        self._note([one], *await self._called(one))
                else:
                    await self._conversed(batch)
            for index in streams:
                await self._watched(index)

        await asyncio.gather(*(send() for _ in range(_AT_ONCE)))

    async def _called(self, one: Attack) -> tuple[grpc.StatusCode, str]:
        start: Any = self.channel.unary_stream(f"/isthmus.v1.Inference/{one.method}")
        call = start(one.message, timeout=one.seconds, metadata=one.metadata)
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            if error.code() == Status.DEADLINE_EXCEEDED and one.seconds < 1:
                return Status.OK, ""
            return error.code(), error.details() or ""
        return Status.OK, ""

    async def _conversed(self, batch: Sequence[Attack]) -> None:
        """All of them in one stream, which must answer or refuse every one of them and go on."""
        start: Any = self.channel.stream_stream(
            "/isthmus.v1.Inference/Converse", response_deserializer=ip.InferReply.FromString
        )
        call = start(iter([one.message for one in batch]), timeout=60)
        ends = 0
        try:
            async for reply in call:
                if reply.HasField("failure"):
                    self._note(batch, _BY_NUMBER[reply.failure.code], reply.failure.message)
                else:
                    self._note([], Status.OK, "") if reply.HasField("done") else None
                ends += not reply.HasField("text")
        except grpc.aio.AioRpcError as error:
            self._note(batch, error.code(), error.details() or "")
        if ends != len(batch):
            self._fail(batch, f"{ends} of {len(batch)} messages of a stream were answered")

    async def _watched(self, index: int) -> None:
        """One stream, of which every frame must be answered or refused, or else the stream."""
        messages = stream(self.seed, index, self.honest)
        start: Any = self.channel.stream_stream(
            "/isthmus.v1.Inference/Watch", response_deserializer=ip.WatchReply.FromString
        )
        call = start(iter(messages), timeout=60)
        attacks = [Attack(index, "Watch", message) for message in messages]
        try:
            async for reply in call:
                failed = reply.HasField("failure")
                status = _BY_NUMBER[reply.failure.code] if failed else Status.OK
                late = status == Status.DEADLINE_EXCEEDED  # a frame may have a millisecond
                self._note(attacks, Status.OK if late else status, reply.failure.message)
        except grpc.aio.AioRpcError as error:
            if error.details() != _ENDED_WHILE_WRITING:
                self._note(attacks, error.code(), error.details() or "")

    def _note(self, among: Sequence[Attack], status: grpc.StatusCode, words: str) -> None:
        """One of these ended with a status and in these words."""
        self.counts[status.name] += 1
        if status not in ALLOWED:
            self._fail(among, f"{status.name}: {words}")
        elif _INSIDE.search(words):
            self._fail(among, f"tells of its inside: {words}")
        elif status != Status.OK and ";" not in words and ":" not in words:
            self._fail(among, f"says not what to do: {words}")

    def _fail(self, among: Sequence[Attack], why: str) -> None:
        for one in among:
            (self.folder / f"{self.seed}-{one.index}.hex").write_text(one.message.hex())
        indices = ", ".join(str(one.index) for one in among)
        self.failed.append(f"seed {self.seed}, message {indices} (in {self.folder}): {why}")


def _batches(attacks: Iterable[Attack], size: int) -> Iterator[list[Attack]]:
    batch: list[Attack] = []
    for one in attacks:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
