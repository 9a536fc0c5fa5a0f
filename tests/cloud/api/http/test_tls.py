"""The service's own TLS over HTTP: whom it shows itself to be, and whom it takes its callers for."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloud.api.access import Access
from cloud.api.http.application import application
from cloud.api.http.context import HttpContext
from cloud.config import AccessConfig
from cloud.identity.authentication import Authentication
from cloud.identity.identity import Role
from cloud.identity.tls import ServerFiles, ssl_context
from protos.http.server import HttpServer
from tests.certificates import Authority, Certificate, openssl_only

pytestmark = openssl_only


@asynccontextmanager
async def guarded(access: AccessConfig) -> AsyncIterator[str]:
    """The URL of a server that says who calls, as `tenant/device`."""
    assert access.tls_cert
    assert access.tls_key
    guard = Access(Authentication(access) if access.identified else None)

    async def who(request: Request) -> Response:
        async with guard.granted(HttpContext(request), Role.DEVICE) as caller:
            return PlainTextResponse(caller.connection)

    tls = ssl_context(ServerFiles(access.tls_cert, access.tls_key, access.client_ca))
    app = application([Route("/", who)], guarded=False)
    server = HttpServer(app, ("127.0.0.1", 0), 16, option="--http", tls=tls)
    async with anyio.create_task_group() as tasks:
        yield await tasks.start(server.run)
        server.stop()


async def who(url: str, authority: Authority, shown: Certificate | None = None) -> str:
    """Whom the server takes a caller for; each comes over a connection of its own."""
    trusting = ssl.create_default_context(cafile=str(authority.ca.path))
    if shown:
        trusting.load_cert_chain(shown.path, shown.key)
    async with httpx.AsyncClient(verify=trusting) as client:
        return (await client.get(url)).text


async def test_a_certificate_is_replaced_while_the_server_runs(tmp_path: Path) -> None:
    first, second = Authority(tmp_path / "first"), Authority(tmp_path / "second", "second")
    served = first.sign("server")
    async with guarded(AccessConfig(served.path, served.key)) as url:
        assert url.startswith("https://")
        assert (await who(url, first)).startswith("ipv4:127.0.0.1:")
        new = second.sign("server")
        served.path.write_bytes(new.path.read_bytes())
        served.key.write_bytes(new.key.read_bytes())
        assert await who(url, second)
        with pytest.raises(httpx.ConnectError):
            await who(url, first)


async def test_a_caller_is_who_its_certificate_names(tmp_path: Path) -> None:
    ours, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "stranger", "stranger")
    served = ours.sign("server")
    async with guarded(AccessConfig(served.path, served.key, client_ca=ours.ca.path)) as url:
        assert await who(url, ours, ours.sign("device", "DNS:camera-7")) == "default/camera-7"
        for shown in (None, stranger.sign("device", "DNS:camera-7")):
            with pytest.raises(httpx.TransportError):
                await who(url, ours, shown)
