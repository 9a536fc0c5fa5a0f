"""A light MQTT connection: thousands of them share one event loop."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Any, NamedTuple, cast

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.fleet.simulation.device import Outgoing
from protos.connection.broker import BrokerAccess

KEEPALIVE_SECONDS = 60


class Broker(NamedTuple):
    """Where connections go, read once for all."""

    host: str
    port: int
    user: str
    password: str | None
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, access: BrokerAccess) -> "Broker":
        """Raises RequestError for credentials that are none."""
        place = access.place
        return cls(place.host, place.port, access.user, access.password(), access.tls())


class Events(NamedTuple):
    """What becomes of a connection. All are called in the event loop."""

    connected: Callable[[], None]
    lost: Callable[[str], None]  # once, and why, whether it was there or never came about
    heard: Callable[[str, bytes], None]
    acknowledged: Callable[[int], None]


class Connection:
    """One connection, from its beginning to its end. paho speaks the protocol; its sockets are watched by the
    event loop instead of by a thread each. The blocking part, to connect, is done by a few threads.
    """

    def __init__(
        self, broker: Broker, identifier: str, will: Outgoing, topics: list[str], events: Events
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._broker, self._topics, self._events = broker, topics, events
        self._thread, self._over = threading.get_ident(), False
        made = mqtt.Client(CallbackAPIVersion.VERSION2, identifier)
        made.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        if broker.user:
            made.username_pw_set(broker.user, broker.password)
        if broker.tls:
            made.tls_set_context(broker.tls)
        made.max_inflight_messages_set(20)
        made.on_socket_open, made.on_socket_close = self._opened, self._closed
        made.on_socket_register_write, made.on_socket_unregister_write = self._writes, self._written
        made.on_connect, made.on_disconnect = self._connected, self._disconnected
        made.on_message, made.on_publish = self._heard, self._acknowledged
        self._client = made

    def open(self, threads: ThreadPoolExecutor) -> None:
        """Begin. What becomes of it, the events say."""
        future = self._loop.run_in_executor(
            threads, self._client.connect, self._broker.host, self._broker.port, KEEPALIVE_SECONDS
        )
        future.add_done_callback(self._tried)

    def publish(self, message: Outgoing) -> int:
        """The number by which it is acknowledged."""
        return self._client.publish(message.topic, message.payload, qos=1, retain=message.retain).mid

    def keep_alive(self) -> None:
        """To be called now and then."""
        if not self._over:
            self._client.loop_misc()

    def close(self) -> None:
        """In order: the broker does not tell the last will."""
        self._client.disconnect()

    def cut(self) -> None:
        """As when power fails."""
        if (sock := self._client.socket()) is not None:
            with suppress(OSError):
                cast("socket", sock).shutdown(SHUT_RDWR)

    def _tried(self, future: "asyncio.Future[Any]") -> None:
        if future.cancelled():
            self._end("")
        elif error := future.exception():
            self._end(str(error))

    def _end(self, words: str) -> None:
        if not self._over:
            self._over = True
            self._events.lost(words)

    # called by paho; those of the socket by the thread that connects, too

    def _opened(self, _client: object, _data: object, sock: Any) -> None:
        self._in_loop(self._loop.add_reader, sock, self._read)

    def _closed(self, _client: object, _data: object, sock: Any) -> None:
        self._loop.remove_reader(sock.fileno())

    def _writes(self, _client: object, _data: object, sock: Any) -> None:
        self._in_loop(self._loop.add_writer, sock, self._client.loop_write)

    def _written(self, _client: object, _data: object, sock: Any) -> None:
        self._in_loop(self._loop.remove_writer, sock)

    def _in_loop(self, act: Callable[..., object], sock: Any, *callback: Callable[[], object]) -> None:
        """At once, or as soon as the loop comes to it; unless the socket is closed by then."""

        def do() -> None:
            if (number := sock.fileno()) >= 0:
                act(number, *callback)

        if threading.get_ident() == self._thread:
            do()
        else:
            self._loop.call_soon_threadsafe(do)

    def _read(self) -> None:
        self._client.loop_read()

    def _connected(self, client: mqtt.Client, _data: object, _flags: object, code: Any, _p: object) -> None:
        if code.is_failure:
            self._end(str(code))
            return
        client.subscribe([(topic, 1) for topic in self._topics])
        self._events.connected()

    def _disconnected(self, _c: object, _data: object, _flags: object, code: Any, _p: object) -> None:
        self._end(str(code))

    def _heard(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self._events.heard(message.topic, bytes(message.payload))

    def _acknowledged(self, _client: object, _data: object, number: int, *_: object) -> None:
        self._events.acknowledged(number)
