"""Bounds the calls that are open, so that they fit into memory, and lets no caller shut out another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from cloud.sharing.caller import Caller
from cloud.sharing.holdings import Holdings
from protos.errors import CloudBusy, DeadlineError


class CallIdle(CloudBusy):
    """A call that only waited for its caller gave way to another."""


class _Waiting(NamedTuple):
    """A call that waits for its caller."""

    caller: Caller
    idle: Callable[[], bool]  # whether ending it costs nobody an answer
    reads: bool  # so that memory is set aside for its request


class Places:
    """Places for open calls. Belongs to the event loop.

    Where all are taken, a newcomer gets the place of a call that only waits for its caller: of the caller
    that has the most, the one that waits longest. Else it gets that of a call at work, the youngest of who
    has most. Nobody gives way to who has more.
    """

    def __init__(self, total: int, of_one: int) -> None:
        """`of_one`: of one connection, or of a device that is known."""
        self._total, self._of_one = total, of_one
        self._held = Holdings()
        self._open: dict[asyncio.Timeout, Caller] = {}
        self._waiting: dict[asyncio.Timeout, _Waiting] = {}

    @asynccontextmanager
    async def taken(self, caller: Caller) -> AsyncIterator[None]:
        """Hold a place for a call. Raises CloudBusy, also when it gives way to another."""
        if self._held.of(caller) >= self._of_one:
            raise CloudBusy(
                f"this caller has {self._of_one} calls open, as many as one may; end some, or ask more "
                "in one Converse stream"
            )
        if self._held.total >= self._total:
            self._make_room(caller)
        place = asyncio.timeout(None)
        self._held.take(caller)
        try:
            async with place:
                self._open[place] = caller
                yield
        except TimeoutError:
            if place in self._open:
                raise
            raise CloudBusy(
                "all places are taken, most of them by this caller, and another needs one; call again, with "
                "fewer calls at once"
            ) from None
        finally:
            self._open.pop(place, None)
            self._held.take(caller, -1)

    def _make_room(self, newcomer: Caller) -> None:
        """Raises CloudBusy where nobody has to give way."""
        if self._end_one_of(
            patience
            for patience, call in self._waiting.items()
            if self._held.gives_way(call.caller, newcomer, idle=True)
        ):
            return
        greediest = max(self._open.values(), key=self._held.size)
        if not self._held.gives_way(greediest, newcomer):
            raise CloudBusy(
                f"{self._total} calls are open here, as many as are let in; try again in a moment, or "
                "answer on the device"
            )
        youngest = [place for place, caller in self._open.items() if caller == greediest][-1]
        del self._open[youngest]
        youngest.reschedule(asyncio.get_running_loop().time())

    @asynccontextmanager
    async def waiting(
        self,
        caller: Caller,
        seconds: float | None,
        idle: Callable[[], bool] = lambda: True,
        *,
        reads: bool = False,
    ) -> AsyncIterator[None]:
        """Around a wait for the caller. Raises DeadlineError after so long, and CallIdle where another call
        needs the place.
        """
        patience = asyncio.timeout(seconds)
        try:
            async with patience:
                self._waiting[patience] = _Waiting(caller, idle, reads)
                yield
        except TimeoutError:
            if patience not in self._waiting:
                raise CallIdle(
                    "all places are taken, and this call only waited for its caller; call again"
                ) from None
            raise DeadlineError(
                f"the caller was waited for as long as {seconds:g} s; send a smaller request, or read faster"
            ) from None
        finally:
            self._waiting.pop(patience, None)

    def end_a_read(self, caller: Caller | None = None) -> None:
        """End a call, of this caller or of any, that waits for its request, if there is one."""
        self._end_one_of(
            patience
            for patience, call in self._waiting.items()
            if call.reads and caller in {None, call.caller}
        )

    def _end_one_of(self, waiting: Iterable[asyncio.Timeout]) -> bool:
        """Whether there was one among them that is idle."""
        idle = [patience for patience in waiting if self._waiting[patience].idle()]
        if not idle:
            return False
        ended = max(idle, key=lambda patience: self._held.size(self._waiting[patience].caller))
        del self._waiting[ended]
        ended.reschedule(asyncio.get_running_loop().time())
        return True
