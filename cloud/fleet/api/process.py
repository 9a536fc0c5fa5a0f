"""The controller as a process: its part of the fleet, its API, until a signal."""

import logging
import signal
from dataclasses import dataclass, field

import anyio
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cloud.config import AccessConfig
from cloud.fleet.api.document import openapi
from cloud.fleet.api.endpoints import OPERATIONS, Endpoints
from cloud.fleet.api.monitoring import FleetMonitoring
from cloud.fleet.api.operators import Operators
from cloud.fleet.api.tuner import Tuner
from cloud.fleet.api.tuning_queries import tune_query
from cloud.fleet.console.console import Console
from cloud.fleet.console.gate import Gate
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.telemetry import BUCKET_SECONDS
from cloud.fleet.tuning.model import KnownBundle
from cloud.identity.tls import ServerFiles, ssl_context
from protos.config import watchdog_seconds
from protos.connection.address import is_loopback
from protos.connection.broker import LOCAL_BROKER, BrokerAccess
from protos.errors import RequestError
from protos.fleet.topics import check_topic_name
from protos.http.handlers import handlers
from protos.http.hosts import HostGuard
from protos.http.refusals import BUG, Refused, response_of
from protos.http.server import HttpServer
from protos.notify import Notifier

_log = logging.getLogger(__name__)
_MAX_CONNECTIONS = 512
_REFRESH_SECONDS = 5.0
_STATUS_SECONDS = 30.0


@dataclass(frozen=True)
class FleetConfig:
    """Raises RequestError for options that do not go together."""

    fleet: str = "default"
    database: str = "fleet.db"
    broker: BrokerAccess = LOCAL_BROKER
    listen: tuple[str, int] = ("127.0.0.1", 7080)
    access: AccessConfig = field(default_factory=AccessConfig)
    bucket: float = BUCKET_SECONDS
    bundles: tuple[KnownBundle, ...] = ()  # that tuning knows

    def __post_init__(self) -> None:
        check_topic_name("fleet", self.fleet)
        self.broker.check()
        if not 1 <= self.bucket <= 3600 or 3600 % self.bucket:
            raise RequestError(
                f"--bucket {self.bucket:g}s is no part of an hour; give such as 1s, 1min, 10min"
            )
        safe = self.access.identified and (self.access.tls or self.access.behind_proxy)
        if not is_loopback(self.listen[0]) and not safe:
            raise RequestError(
                "who reaches the controller changes what a fleet does: beyond loopback give it --tokens (or "
                "--jwks, --client-ca), and --tls-cert with --tls-key or --behind-proxy"
            )


async def serve_fleet(config: FleetConfig) -> None:
    """Until SIGTERM or SIGINT. Raises RequestError where it cannot start, CloudError where the database is
    away then.
    """
    database = await anyio.to_thread.run_sync(lambda: Database(config.database, config.fleet))
    try:
        controller = Controller(database, config.broker, config.fleet, config.bucket)
        operators = Operators(config.access)
        if operators.authentication:
            await operators.authentication.start()
        leaving = anyio.Event()
        server = _server(config, fleet_application(config, controller, operators, leaving))
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with anyio.create_task_group() as tasks:
                url = await tasks.start(server.run, name="HTTP")
                tasks.start_soon(controller.run, name="controller")
                tasks.start_soon(_refresh, operators, name="keys")
                print(f"fleet {config.fleet}, broker {config.broker.address}", flush=True)
                print(f"listening on {url}", flush=True)
                tasks.start_soon(_tell_supervisor, controller, name="supervisor")
                async for _ in signals:
                    break
                leaving.set()
                Notifier().stopping()
                server.stop()
                tasks.cancel_scope.cancel()
    finally:
        database.close()


def fleet_application(
    config: FleetConfig, controller: Controller, operators: Operators, leaving: anyio.Event | None = None
) -> Starlette:
    """As ASGI. `leaving`: pages that are live have no end before it is set."""
    monitoring = FleetMonitoring(controller, operators)
    tuner = Tuner(controller.database, config.bundles)
    endpoints = Endpoints(controller.database, operators, config.bucket, tuner)
    access = config.access
    gate = Gate(operators, secure=access.tls_cert is not None or access.behind_proxy)
    console = Console(
        controller.database,
        gate,
        config.fleet,
        config.bucket,
        lambda asked: tuner.tune(tune_query(QueryParams(asked))),
        leaving or anyio.Event(),
    )
    return Starlette(
        routes=[
            *endpoints.routes(OPERATIONS),
            Route("/api/v1/openapi.json", _document),
            Route("/healthz", monitoring.health),
            Route("/metrics", monitoring.show),
            *console.routes(),
        ],
        middleware=[] if config.access.identified else [Middleware(HostGuard)],
        exception_handlers=handlers("nothing that is served here", _bug, see="/api/v1/openapi.json"),
    )


def _server(config: FleetConfig, app: Starlette) -> HttpServer:
    access, tls = config.access, None
    if access.tls_cert and access.tls_key:
        tls = ssl_context(ServerFiles(access.tls_cert, access.tls_key, access.client_ca))
    return HttpServer(app, config.listen, _MAX_CONNECTIONS, option="--listen", tls=tls)


async def _document(_: Request) -> Response:
    return JSONResponse(openapi())


async def _bug(_: Request, error: Exception) -> Response:
    _log.error("a request over HTTP failed unexpectedly", exc_info=error)
    return response_of(Refused(BUG, "the controller failed at this request and logged why; ask again"))


async def _tell_supervisor(controller: Controller) -> None:
    """That the event loop runs, and what this controller does."""
    notifier = Notifier()
    notifier.ready("listens")
    while True:
        words = "waits for its turn to lead"
        if controller.leads:
            words = "leads" if controller.link.connected else "leads, and has no broker"
        notifier.says(words)
        notifier.alive()
        await anyio.sleep((watchdog_seconds() or _STATUS_SECONDS) / 3)


async def _refresh(operators: Operators) -> None:
    while operators.authentication:
        await operators.authentication.refresh()
        await anyio.sleep(_REFRESH_SECONDS)
