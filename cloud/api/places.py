"""Bounds the calls that are open, so that they fit into memory, and lets no idle call shut out another."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

from protos.errors import CloudBusy, DeadlineError


class _Waiting(NamedTuple):
    """A call that waits for its caller."""

    connection: str
    idle: Callable[[], bool]  # whether ending it costs nobody an answer
    reads: bool  # so that memory is set aside for its request


class Places:
    """Places for open calls. Belongs to the event loop.

    Where all are taken, a newcomer gets the place of a call that only waits for its caller: of the connection
    that has the most, the one that waits longest.
    """

    def __init__(self, total: int, of_one: int) -> None:
        self._total, self._of_one = total, of_one
        self._open: Counter[str] = Counter()
        self._waiting: dict[asyncio.Timeout, _Waiting] = {}

    @contextmanager
    def taken(self, connection: str) -> Iterator[None]:
        """Hold a place for a call of a connection. Raises CloudBusy."""
        if self._open[connection] >= self._of_one:
            raise CloudBusy(
                f"this connection has {self._of_one} calls open, as many as one may; end some, or ask more "
                "in one Converse stream"
            )
        if self._open.total() >= self._total and not self._end_one_of(self._waiting):
            raise CloudBusy(
                f"{self._total} calls are open here, as many as are let in; try again in a moment, or "
                "answer on the device"
            )
        self._open[connection] += 1
        try:
            yield
        finally:
            self._open -= Counter({connection: 1})  # which forgets a connection that has none

    @asynccontextmanager
    async def waiting(
        self,
        connection: str,
        seconds: float | None,
        idle: Callable[[], bool] = lambda: True,
        *,
        reads: bool = False,
    ) -> AsyncIterator[None]:
        """Around a wait for the caller. Raises DeadlineError after so long, and CloudBusy where another call
        needs the place.
        """
        patience = asyncio.timeout(seconds)
        try:
            async with patience:
                self._waiting[patience] = _Waiting(connection, idle, reads)
                yield
        except TimeoutError:
            if patience not in self._waiting:
                raise CloudBusy(
                    "all places are taken, and this call only waited for its caller; call again"
                ) from None
            raise DeadlineError(
                f"the caller was waited for as long as {seconds:g} s; send a smaller request, or read faster"
            ) from None
        finally:
            self._waiting.pop(patience, None)

    def end_a_read(self, connection: str | None = None) -> None:
        """End a call, of this connection or of any, that waits for its request, if there is one."""
        self._end_one_of(
            patience
            for patience, call in self._waiting.items()
            if call.reads and connection in {None, call.connection}
        )

    def _end_one_of(self, waiting: Iterable[asyncio.Timeout]) -> bool:
        """Whether there was one among them that is idle."""
        idle = [patience for patience in waiting if self._waiting[patience].idle()]
        if not idle:
            return False
        ended = max(idle, key=lambda patience: self._open[self._waiting[patience].connection])
        del self._waiting[ended]
        ended.reschedule(asyncio.get_running_loop().time())
        return True
