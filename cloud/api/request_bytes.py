"""Bounds what requests take of memory until they are jobs, over all calls."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloud.api.places import Places
from cloud.sharing.caller import Caller
from cloud.sharing.holdings import Holdings
from protos.errors import CloudBusy

_MIN_REQUESTS = 4  # of the largest, that always fit side by side
_SECONDS = 60.0  # for others to be done


@dataclass(eq=False)
class Held:
    """What one call holds."""

    caller: Caller
    bytes: int = 0


class RequestBytes:
    """A budget of bytes, of which one connection may hold half, and which goes first to who holds least.
    Belongs to the event loop.

    gRPC hands a message over when it is whole, and holds by itself what came of it: before a call is read no
    more than HTTP/2's window (grpc_server.py), and while it is read up to the largest request. So a read
    counts as that many bytes, a message as those that it has until it is a job (twice as many are in memory,
    as bytes and as a message), and a job counts no more: it holds a boundary or pixels, which the manifest
    bounds, and the queue bounds the jobs.
    """

    def __init__(self, budget: int, largest: int, places: Places) -> None:
        self._largest, self._places = largest, places
        self._free = max(budget, _MIN_REQUESTS * largest)
        self._share = self._free // 2
        self._held = Holdings()
        self._waiting: dict[asyncio.Future[None], Held] = {}

    @contextmanager
    def accounting(self, held: Held) -> Iterator[None]:
        """Around a call: whatever it still holds is free at its end."""
        try:
            yield
        finally:
            self.release(held, held.bytes)

    async def reserve(self, held: Held) -> int:
        """Take what a read may need, if need be of another call's read that only waits for its caller; how
        many bytes. Raises CloudBusy.
        """
        if self._fits(held) and not self._waiting:
            self._take(held)
            return self._largest
        self._places.end_a_read(None if self._within_share(held) else held.caller)
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = held
        try:
            async with asyncio.timeout(_SECONDS):
                await turn
        except TimeoutError:
            raise CloudBusy(
                "as many requests are read here as fit into memory; try again in a moment, or answer on the "
                "device"
            ) from None
        finally:
            self._waiting.pop(turn, None)
        return self._largest

    def release(self, held: Held, size: int) -> None:
        """Give back so many bytes."""
        held.bytes -= size
        self._free += size
        self._held.take(held.caller, -size)
        for turn, waiting in sorted(self._waiting.items(), key=lambda item: self._held.size(item[1].caller)):
            if not turn.done() and self._fits(waiting):
                self._take(waiting)
                turn.set_result(None)

    def _fits(self, held: Held) -> bool:
        return self._free >= self._largest and self._within_share(held)

    def _within_share(self, held: Held) -> bool:
        return self._held.of(held.caller) + self._largest <= self._share

    def _take(self, held: Held) -> None:
        held.bytes += self._largest
        self._free -= self._largest
        self._held.take(held.caller, self._largest)
