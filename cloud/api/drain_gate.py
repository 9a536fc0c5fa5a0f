"""Admits requests while the service runs, refuses them while it drains."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from protos.errors import CloudError

WorkResult = TypeVar("WorkResult")


class DrainGate:
    """Counts the requests that are unfinished. Belongs to the event loop."""

    def __init__(self) -> None:
        self._requests = 0
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count one request. Raises CloudError (UNAVAILABLE) when the gate is closed."""
        if self._closing.is_set():
            raise CloudError(
                "the service is shutting down and takes no new requests; ask again, another instance may "
                "answer"
            )
        self._requests += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._empty.set()

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    def close(self) -> None:
        self._closing.set()

    async def closing(self) -> None:
        """Wait until the gate closes."""
        await self._closing.wait()

    async def unless_closing(self, work: Coroutine[Any, Any, WorkResult]) -> WorkResult:
        """The result of some work, which is cancelled when the gate closes. Raises CloudError then."""
        working = asyncio.create_task(work, name="unless closing")
        closing = asyncio.create_task(self._closing.wait(), name="drain gate")
        try:
            await asyncio.wait({working, closing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
        finally:
            for task in (working, closing):
                task.cancel()
            await asyncio.wait({working, closing})
        raise closed_stream()

    async def empty(self) -> None:
        """Wait until no request is unfinished."""
        await self._empty.wait()


def closed_stream() -> CloudError:
    """Why a stream ends."""
    return CloudError("the service is shutting down; open a new stream, another instance may answer")
