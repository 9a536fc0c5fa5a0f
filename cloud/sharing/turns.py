"""A pool of threads that callers use by turns."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from cloud.sharing.caller import Caller
from cloud.sharing.shares import Shares

WorkT = TypeVar("WorkT")


class _Asking(NamedTuple):
    caller: Caller
    deadline: float


class Turns:
    """Threads for work of callers: next is the caller that was served least, with its earliest deadline.

    Belongs to the event loop. Work that is cancelled before its turn costs no thread anything.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._idle = threads
        self._shares = Shares()
        self._waiting: dict[asyncio.Future[None], _Asking] = {}

    async def run(
        self, caller: Caller, deadline: float, work: Callable[..., WorkT], *arguments: object
    ) -> WorkT:
        """Work for a caller, in a thread. Raises what it raises."""
        with self._shares.active(caller):
            await self._turn(_Asking(caller, deadline))
            loop, began = asyncio.get_running_loop(), time.monotonic()

            def over(_: Future[WorkT]) -> None:
                if not loop.is_closed():
                    loop.call_soon_threadsafe(self._end, caller, began)

            future = self._pool.submit(work, *arguments)
            future.add_done_callback(over)  # a thread is busy until then, even if nobody awaits it any more
            return await asyncio.wrap_future(future)

    def shutdown(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, waiting: _Asking) -> None:
        if self._idle:
            self._idle -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = waiting
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        finally:
            self._waiting.pop(turn, None)

    def _end(self, caller: Caller, began: float) -> None:
        self._shares.charge(caller, time.monotonic() - began)
        self._pass_on()

    def _pass_on(self) -> None:
        """Give the thread to whoever is next."""
        waiting = [turn for turn in self._waiting if not turn.done()]
        if not waiting:
            self._idle += 1
            return
        min(waiting, key=self._order).set_result(None)

    def _order(self, turn: asyncio.Future[None]) -> tuple[object, float]:
        waiting = self._waiting[turn]
        return self._shares.rank(waiting.caller), waiting.deadline
