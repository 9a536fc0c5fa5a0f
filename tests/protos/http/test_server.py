"""The server: its socket, and what it does with connections that come in floods or say nothing."""

import socket
from contextlib import ExitStack

import httpx
import pytest

from protos.bundle import Bundle
from protos.errors import RequestError
from protos.http.server import HttpServer
from tests.edge.agent.http.serving import serving


async def nothing(*_: object) -> None:
    """An application that is never asked."""


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host, port = taken.getsockname()
        with pytest.raises(RequestError, match=f"nothing can listen at {host}:{port}"):
            await HttpServer(nothing, (host, port), 4, option="http.listen").run()


def test_a_flood_of_connections_is_refused_and_passes(bundle: Bundle) -> None:
    with serving(bundle, max_connections=8) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with ExitStack() as flood:
            for _ in range(40):
                flood.enter_context(socket.create_connection((host, int(port))))
            assert httpx.get(f"{server.url}/healthz").status_code == 503
        assert any(httpx.get(f"{server.url}/healthz").status_code == 200 for _ in range(100))


def test_who_sends_no_whole_request_is_hung_up_on(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protos.http.server._HEADER_SECONDS", 0.2)
    with serving(bundle) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection((host, int(port))) as later:
            later.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\nGET /heal")
            answer = b""
            while piece := later.recv(4096):
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200 ")
