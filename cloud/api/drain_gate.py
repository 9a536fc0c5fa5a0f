"""Admits requests while the service runs, refuses them while it drains."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from protos.errors import CloudError


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

    async def empty(self) -> None:
        """Wait until no request is unfinished."""
        await self._empty.wait()
