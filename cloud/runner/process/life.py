"""One life of the process that runs the models: started, asked, and ended."""

import asyncio
import logging
import os
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from cloud.runner.faults import ModelLost
from cloud.runner.process import work
from cloud.runner.process.wire import OBJECT, PREFIX, Buffer, Reference, pack, sizes, unpack
from protos import errors
from protos.errors import IsthmusError

_MODULE = "cloud.runner.process.worker"  # not imported here: it is a program
_LOST = (
    "the process that runs the model ended in the middle of this, and is started anew; ask again in some "
    "seconds, or answer on the device"
)


class ModelRaised(Exception):
    """Model code raised in the process; the message is the traceback there. A bug."""


class Remote:
    """A thing that the process holds, as long as this does.

    It stands for a tensor, sequences or a prefix, of which it has what is asked of them here.
    """

    def __init__(self, life: "Life", number: int, nbytes: int, length: int) -> None:
        self.life, self.number, self.nbytes, self.length = life, number, nbytes, length

    def __del__(self) -> None:
        self.life.freed.append(self.number)


class Life(asyncio.Protocol):
    """A process that is asked one thing after another, and may be answered in another order. Belongs to the
    event loop.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        """`ended`: called when the process has ended, before those who wait for it are told."""
        self._ended = ended
        self.lost = asyncio.Event()
        self.freed: deque[int] = deque()  # numbers of what nobody refers to any more; from any thread
        self._ready = asyncio.get_running_loop().create_future()
        self._asked: dict[int, asyncio.Future[Any]] = {work.UNASKED: self._ready}
        self._numbers = count(work.UNASKED + 1)
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Raises ModelLost where it ends at once."""
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = (theirs.fileno(), os.getpid(), logging.getLogger().getEffectiveLevel())
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _MODULE, *map(str, arguments)),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": _paths()},
                process_group=0,  # Ctrl-C is for the service, which drains first
            )
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        await self._ready

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def end(self) -> int:
        """Kill it, if it lives; its exit status."""
        self.kill()
        if self._transport:
            self._transport.abort()
        return await self._process.wait() if self._process else 0

    async def ask(
        self, name: str, arguments: Sequence[Any], refer: Callable[[Any], Reference | None] = lambda _: None
    ) -> Any:
        """Raises what the process refuses with, ModelRaised, MemoryError, or ModelLost."""
        number, freed = next(self._numbers), [self.freed.popleft() for _ in range(len(self.freed))]
        try:
            parts = pack([number, name, arguments, freed], partial(self._referred, refer))
        except Exception:
            self.freed.extend(freed)
            raise
        self._write(parts)
        reply = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            return await reply
        finally:
            self._asked.pop(number, None)

    def _write(self, parts: Sequence[Buffer]) -> None:
        if self._transport is None:
            raise ModelLost(_LOST)
        self._transport.writelines(parts)

    def _referred(self, refer: Callable[[Any], Reference | None], thing: object) -> Reference | None:
        if not isinstance(thing, Remote):
            return refer(thing)
        if thing.life is not self:
            raise ModelLost(_LOST)
        return Reference(OBJECT, [thing.number])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=1 << 30)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (message := self._next_message()) is not None:
            number, kind, value = message
            self._take(number, kind, value)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._transport = None
        self.lost.set()
        self._ended()
        for reply in list(self._asked.values()):
            if not reply.done():
                reply.set_exception(ModelLost(_LOST))

    def _next_message(self) -> Any:
        received = self._received
        if len(received) < PREFIX.size:
            return None
        head, arrays = sizes(received[: PREFIX.size])
        end = PREFIX.size + head + arrays
        if len(received) < end:
            return None
        self._received = received[end:]
        parts = bytes(received[PREFIX.size : PREFIX.size + head]), received[PREFIX.size + head : end]
        return unpack(*parts, lambda reference: Remote(self, *reference.numbers))

    def _take(self, number: int, kind: str, value: Any) -> None:
        if kind == work.LOG:
            level, name, words = value
            logging.getLogger(name).log(level, "%s", words)
        elif (reply := self._asked.get(number)) and not reply.done():
            if kind in {work.DONE, work.READY}:
                reply.set_result(value)
            else:
                reply.set_exception(_failure(kind, value))


def _paths() -> str:
    return os.pathsep.join(str(Path(path).resolve()) for path in sys.path)


def _failure(kind: str, value: Any) -> Exception:
    if kind == work.REFUSED:
        return _refusal(*value)
    return MemoryError(value) if kind == work.NO_MEMORY else ModelRaised(value)


def _refusal(name: str, message: str, facts: Mapping[str, Any]) -> IsthmusError:
    known = getattr(errors, name, None)
    kind = known if isinstance(known, type) and issubclass(known, IsthmusError) else IsthmusError
    error = IsthmusError.__new__(kind)  # some are made of other things than their message
    IsthmusError.__init__(error, message, **facts)
    return error
