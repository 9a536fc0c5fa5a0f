"""The way in: open while serving, closed while draining, and knows when the last request has left."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from protos.errors import CloudError


class DrainGate:
    """Counts who is inside. Belongs to the event loop."""

    def __init__(self) -> None:
        self._inside = 0
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """While open a request is inside. Raises CloudError (UNAVAILABLE) when the door is closed."""
        if self._closing.is_set():
            raise CloudError(
                "the service is shutting down and takes no new requests; ask again, another instance may "
                "answer"
            )
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @property
    def closed(self) -> bool:
        return self._closing.is_set()

    def close(self) -> None:
        self._closing.set()

    async def closing(self) -> None:
        """Wait until the door closes."""
        await self._closing.wait()

    async def empty(self) -> None:
        """Wait until nobody is inside."""
        await self._empty.wait()
