"""The server: a socket, and uvicorn on it, as a part of a process that has other work."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import h11
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from protos.errors import RequestError

_log = logging.getLogger(__name__)
_GRACE_SECONDS = 2  # for answers that are under way when the process ends
_HEADER_SECONDS = 10.0
_BACKLOG = 128
CERTIFICATE = "certificate"  # of the state of a request: what its connection showed, as PEM


class HttpServer:
    """Serves an application at an address, until it is stopped or its task is cancelled. Port 0: one that is
    free.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: tuple[str, int],
        max_connections: int,
        *,
        option: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`option`: what the operator names the address by."""
        self.address, self._option, self._tls = address, option, tls
        self._config = uvicorn.Config(
            app,
            http=ImpatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=max_connections,
            backlog=_BACKLOG,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            h11_max_incomplete_event_size=32 << 10,
        )
        self._server = _Server(self._config)
        self._stopped = anyio.Event()

    async def run(self, *, task_status: TaskStatus[str] = anyio.TASK_STATUS_IGNORED) -> None:
        """Started with the URL that it is reached at. Raises RequestError for an address that is taken."""
        with _listening(self.address, self._option) as listener:
            listener.listen(_BACKLOG)
            url = _url(listener, "https" if self._tls else "http")
            _log.info("HTTP at %s", url)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._serve, listener, name="uvicorn")
                task_status.started(url)
                try:
                    await self._stopped.wait()
                finally:
                    self.stop()

    def stop(self) -> None:
        """The address is free again; answers that are under way have two seconds."""
        self._server.stop_listening()
        self._server.should_exit = True
        self._stopped.set()

    def limit(self, max_connections: int) -> None:
        """So many, counted when the next one comes."""
        self._config.limit_concurrency = max_connections

    async def _serve(self, listener: socket.socket) -> None:
        with anyio.CancelScope(shield=True):  # it ends by `should_exit`, and lets answers end before
            self._config.load()
            self._config.ssl = self._tls
            await self._server.serve([listener])


class _Server(uvicorn.Server):
    """Signals are the business of the process."""

    def stop_listening(self) -> None:
        for server in getattr(self, "servers", ()):  # which uvicorn has once it has started
            server.close()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ImpatientProtocol(H11Protocol):
    """Hangs up on who sends no whole head of a request in time, of the first or of a later one."""

    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        if (tls := transport.get_extra_info("ssl_object")) and (shown := tls.getpeercert(binary_form=True)):
            self.app_state = self.app_state | {CERTIFICATE: ssl.DER_cert_to_PEM_cert(shown).encode()}
        self._wait_for_head(waiting=True)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._wait_for_head(waiting=self._head_begun())

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait_for_head(waiting=self._head_begun())  # what came behind the request before

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_for_head(waiting=False)
        super().connection_lost(exc)

    def _head_begun(self) -> bool:
        begun, _ = self.conn.trailing_data
        return self.conn.their_state is h11.IDLE and bool(begun)

    def _wait_for_head(self, *, waiting: bool) -> None:
        if waiting and self._hang_up is None:
            self._hang_up = self.loop.call_later(_HEADER_SECONDS, self.transport.close)
        elif not waiting and self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None


def check_free(address: tuple[str, int], option: str) -> None:
    """Raises RequestError for an address that cannot be bound."""
    with _listening(address, option):
        pass


@contextmanager
def _listening(address: tuple[str, int], option: str) -> Iterator[socket.socket]:
    host, port = address[0].strip("[]"), address[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise RequestError(
                f"{option}: nothing can listen at {address[0]}:{port}: {error.strerror}; end what "
                "does, or name another port"
            ) from error
        yield listener


def _url(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
