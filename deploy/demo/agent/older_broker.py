"""amqtt, which knows MQTT 3.1.1. Who speaks a later one is told so; amqtt itself waits, and says nothing."""

import asyncio
from contextlib import suppress

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.errors import AMQTTError, MQTTError

_LEVEL = 4  # of MQTT 3.1.1
_NAME = b"\x00\x04MQTT"  # in front of the level, in what a client says first
_REFUSED = b"\x20\x02\x00\x01"  # CONNACK: that version of the protocol is not known
_MAX_HEAD = 1 + 4 + len(_NAME) + 1  # the packet's kind, its length, name and level


class _Reader(StreamReaderAdapter):  # type: ignore[misc] # amqtt tells no types
    """What was read before, and then the rest."""

    def __init__(self, before: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._before = before

    async def read(self, n: int = -1) -> bytes:
        end = len(self._before) if n < 0 else n
        given, self._before = self._before[:end], self._before[end:]
        if n < 0 or len(given) < n:
            given += await super().read(n if n < 0 else n - len(given))
        return given


class OlderBroker(Broker):  # type: ignore[misc] # as above
    """Leaves no connection open that it does not serve."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """A client has come."""
        try:
            head = await _head(reader)
            _, name, level = head.partition(_NAME)
            if name and level and level[0] != _LEVEL:
                writer.write(_REFUSED)
                return
            with suppress(AMQTTError, MQTTError):  # it was no client
                await self.external_connected(
                    _Reader(head, reader), StreamWriterAdapter(writer), listener_name
                )
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """The first bytes, up to the level of the protocol."""
    head = b""
    while len(head) < _MAX_HEAD and not head.partition(_NAME)[2]:
        more = await reader.read(1)
        if not more:
            break
        head += more
    return head
