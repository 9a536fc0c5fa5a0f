"""A device that defers: it keeps requests, sends them and tells the answers, until it is killed.

    python -m tests.edge.agent.outbox.chaos.device FOLDER ADDRESS SEED [drain]

In FOLDER, a line each, stand what it has acknowledged, what it has refused, and what its observer was told.
With `drain` it keeps nothing new, and ends once all is answered.
"""

import os
import random
import resource
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from edge.agent.observing.deferral import Subject
from edge.agent.observing.standing_answer import StandingAnswer
from edge.agent.outbox.entries import Note
from edge.agent.outbox.limits import Limits
from edge.agent.outbox.outbox import Outbox
from edge.agent.outbox.sending import OutboxSender
from edge.link.client import CloudClient
from edge.requests.machine import Machine
from protos import inference_pb2 as pb
from protos.arms.rules import Rules
from protos.errors import OutboxError

ARM = {"cut": "", "coding": "png-9", "mean_bytes": 500.0}
LIMITS = Limits(size=64 << 20, writes_per_day=1 << 40)


class Device:
    def __init__(self, folder: Path, address: str, seed: int) -> None:
        self.folder, self.random = folder, random.Random(seed)
        self.requests = [path.read_bytes() for path in sorted(folder.glob("request-*.bin"))]
        self.address = address

    async def run(self, *, drain: bool) -> None:
        outbox = await self.opened()
        with closing(outbox), CloudClient(self.address) as cloud:
            sender = OutboxSender(outbox, cloud, Machine(), [self.told], first_seconds=0.05)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(sender.run, name="outbox")
                print("ready", flush=True)
                if drain:
                    await self.until_empty(outbox)
                    tasks.cancel_scope.cancel()
                while not drain:
                    await self.keep(outbox, sender)

    async def opened(self) -> Outbox:
        """A disk that fails may fail at once."""
        while True:
            try:
                return Outbox(self.folder / "outbox.db", LIMITS, 1e6)
            except OutboxError:
                await anyio.sleep(0.01)

    async def keep(self, outbox: Outbox, sender: OutboxSender) -> None:
        index = self.random.randrange(len(self.requests))
        now = time.time()
        note = Note(Subject("camera", index, now, "q"), Rules(), now, now + 1e5, "upload", ARM)
        request = pb.InferRequest.FromString(self.requests[index])
        try:
            identity = await anyio.to_thread.run_sync(partial(outbox.put, request, note))
        except OutboxError:
            self.line("refused", request.id)
        else:
            self.line("acknowledged", f"{identity} {index}")
            sender.kept()
        await anyio.sleep(self.random.expovariate(1 / 0.02))

    async def until_empty(self, outbox: Outbox) -> None:
        def left() -> bool:
            return bool(outbox.next() or outbox.untold())

        while await anyio.to_thread.run_sync(left):  # noqa: ASYNC110 - nothing tells when all is sent
            await anyio.sleep(0.05)

    async def told(self, seen: StandingAnswer) -> None:
        self.line("told", f"{seen.deferred} {seen.frame.sequence} {seen.text}")

    def line(self, name: str, words: str) -> None:
        """In one write: a kill leaves it whole or not at all."""
        file = os.open(self.folder / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.write(file, f"{words}\n".encode())
        os.close(file)


if __name__ == "__main__":
    if limit := int(os.environ.get("CHAOS_FILE_BYTES", "0")):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    device = Device(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    anyio.run(partial(device.run, drain="drain" in sys.argv))
