"""What listens for HTTP, with the service's own certificate where it has one."""

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

OPTION = "--http"


def http_server(config: ServeConfig, access: Access, metrics: Metrics, api: OpenAiApi) -> HttpServer | None:
    """None where nothing is served over HTTP. Raises RequestError for a certificate that is none."""
    if config.http is None:
        return None
    monitoring = Monitoring(metrics, access, loopback=is_loopback(config.http[0]))
    routes = [*api.routes(), Route("/metrics", monitoring.show), Route("/healthz", monitoring.health)]
    files, tls = config.access, None
    if files.tls_cert and files.tls_key:
        tls = ssl_context(ServerFiles(files.tls_cert, files.tls_key, files.client_ca))
    app = application(routes, identified=files.identified)
    return HttpServer(app, config.http, config.max_calls, option=OPTION, tls=tls)
