"""A bad link on a good machine: a TCP proxy on loopback with a rate, a delay and outages.

Bytes leave at the rate whatever the kernel would like; a small bounded buffer stands for the modem's queue,
and when it is full the proxy stops reading, so that the sender's own TCP feels the link. A new connection
waits one round trip, as a handshake would. Headers of TCP and IP are not charged.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar
from weakref import WeakSet

from bench.network.conditions import Conditions
from bench.network.lane import CHUNK, Direction, Lane

_RESET, _FINISH = struct.pack("ii", 1, 0), struct.pack("ii", 0, 0)
_KERNEL_BUFFER = 16 << 10  # what the proxy's own sockets may hide from the sender
_COMMAND_SECONDS = 10.0

_T = TypeVar("_T")


class Link:
    """A link to the server at `target` (HOST:PORT), used by connecting to `address` instead.

    It runs in a thread of its own from `start` to `stop`, or inside `with`. `set`, `cut`, `mute`, `restore`,
    `forget` and `reset` may be called from any thread meanwhile; they return when they hold.
    """

    def __init__(self, target: str, conditions: Conditions) -> None:
        self._target, self._conditions = target, conditions

    def start(self) -> Self:
        """Begin to listen on a free port of loopback."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)
        self._thread.start()
        self._proxy = self._command(_listening(self._target, self._conditions))
        return self

    def stop(self) -> None:
        """Cut every connection and end the thread."""
        self._command(self._proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """HOST:PORT to connect to; stays the same over outages."""
        return self._proxy.address

    @property
    def up(self) -> Direction:
        """Towards the target; its `taken` and `delivered` count bytes."""
        return self._proxy.up

    @property
    def down(self) -> Direction:
        """Back from the target."""
        return self._proxy.down

    def set(self, conditions: Conditions) -> None:
        """Change what the link is like; bytes in flight go on at the new rate and delay."""
        self._command(self._proxy.set(conditions))

    def cut(self) -> None:
        """Begin an outage: connections are reset and new ones refused until `restore`."""
        self._command(self._proxy.cut())

    def mute(self) -> None:
        """Leave every connection half open, new ones too, until `restore`: what is sent arrives, and nothing
        comes back.
        """
        self._command(self._proxy.mute())

    def restore(self) -> None:
        """End an outage, or the silence of `mute` for connections that are made from now on."""
        self._command(self._proxy.restore())

    def forget(self) -> None:
        """Lose the state of all open connections, as a router does that was idle too long: what is sent over
        them vanishes without a reset. New connections work.
        """
        self._command(self._proxy.forget())

    def reset(self) -> None:
        """Reset all open connections, as a router does that has lost their state and says so. New ones
        work.
        """
        self._command(self._proxy.reset())

    def _command(self, command: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(command, self._loop).result(_COMMAND_SECONDS)


async def _listening(target: str, conditions: Conditions) -> "_Proxy":
    proxy = _Proxy(target, conditions)
    await proxy.listen()
    return proxy


class _Proxy:
    """What runs on the link's own loop; only its counters may be read from elsewhere."""

    def __init__(self, target: str, conditions: Conditions) -> None:
        host, _, port = target.rpartition(":")
        now = asyncio.get_running_loop().time()
        self._target, self._conditions = (host, int(port)), conditions
        self.up = Direction(now, conditions, conditions.up)
        self.down = Direction(now, conditions, conditions.down)
        self._claim = _bound(("127.0.0.1", 0))  # never listens: it keeps the port ours during an outage
        self._listener: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._lanes: WeakSet[Lane] = WeakSet()
        self._muted = False

    @property
    def address(self) -> str:
        host, port = self._claim.getsockname()
        return f"{host}:{port}"

    async def set(self, conditions: Conditions) -> None:
        now = asyncio.get_running_loop().time()
        self._conditions = conditions
        self.up.change(now, conditions, conditions.up)
        self.down.change(now, conditions, conditions.down)

    async def mute(self) -> None:
        self._muted = True
        for lane in self._lanes:
            lane.forgotten = lane.forgotten or lane.carries(self.down)

    async def restore(self) -> None:
        self._muted = False
        await self.listen()

    async def listen(self) -> None:
        if self._listener is None:
            self._listener = listener = _bound(self._claim.getsockname())
            listener.listen()
            # not sock_accept: a connection that comes as it is cancelled would be open for ever
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def cut(self) -> None:
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        await self.reset()

    async def reset(self) -> None:
        await _ended(*self._connections)

    async def forget(self) -> None:
        for lane in self._lanes:
            lane.forgotten = True

    async def close(self) -> None:
        await self.cut()
        self._claim.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            client, _ = listener.accept()
        except OSError:  # it hung up already
            return
        client.setblocking(False)
        task = asyncio.create_task(self._connect(client), name="link: connection")
        self._connections.add(task)

        def ended(_: object) -> None:
            self._connections.discard(task)
            client.close()  # of one that ended before it began

        task.add_done_callback(ended)

    async def _connect(self, client: socket.socket) -> None:
        """Join a client to the target until either ends; a break of one side is a reset for the other."""
        with client, _socket() as target:
            _on_close(_RESET, client, target)
            try:
                await asyncio.sleep(self._conditions.round_trip)
                await asyncio.get_running_loop().sock_connect(target, self._target)
                up, down = Lane(self.up, client, target), Lane(self.down, target, client)
                down.forgotten = self._muted
                self._lanes.update((up, down))
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(up.run(), name="link: up")
                    tasks.create_task(down.run(), name="link: down")
                _on_close(_FINISH, client, target)
            except* OSError:
                pass  # the sockets are reset as they close, which is how the other side learns of it


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _socket() -> socket.socket:
    new = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    new.setblocking(False)
    new.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    new.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, CHUNK)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BUFFER)
    return new


def _bound(address: tuple[str, int]) -> socket.socket:
    """A socket on an address that a second one of ours may share; what it accepts inherits its options."""
    new = _socket()
    new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    new.bind(address)
    return new


def _on_close(what: bytes, *sockets: socket.socket) -> None:
    for each in sockets:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, what)
