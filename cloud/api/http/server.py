"""What listens for HTTP, with the service's own certificate where it has one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.routing import Route

from cloud.api.access import Access
from cloud.api.http.application import application
from cloud.api.http.monitoring import Monitoring
from cloud.api.http.openai.api import OpenAiApi
from cloud.config import ServeConfig
from cloud.identity.tls import ServerFiles, ssl_context
from cloud.telemetry.metrics import Metrics
from protos.connection.address import is_loopback
from protos.http.server import HttpServer


@asynccontextmanager
async def serving_http(
    config: ServeConfig, access: Access, metrics: Metrics, api: OpenAiApi
) -> AsyncIterator[str]:
    """The URL while it is served; empty where nothing is. Raises RequestError for an address that is taken,
    or a certificate that is none.
    """
    if config.http is None:
        yield ""
        return
    server = _server(config, config.http, access, metrics, api)
    async with anyio.create_task_group() as tasks:
        url = await tasks.start(server.run, name="HTTP")
        try:
            yield url
        finally:
            server.stop()


def _server(
    config: ServeConfig, address: tuple[str, int], access: Access, metrics: Metrics, api: OpenAiApi
) -> HttpServer:
    monitoring = Monitoring(metrics, access, loopback=is_loopback(address[0]))
    routes = [*api.routes(), Route("/metrics", monitoring.show), Route("/healthz", monitoring.health)]
    files, tls = config.access, None
    if files.tls_cert and files.tls_key:
        tls = ssl_context(ServerFiles(files.tls_cert, files.tls_key, files.client_ca))
    app = application(routes, guarded=not (files.identified or files.behind_proxy))
    return HttpServer(app, address, config.max_calls, option="--http", tls=tls)
