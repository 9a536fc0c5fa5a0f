"""`/healthz` for whoever asks, and `/metrics`: of the fleet and its classes, never of a device."""

from collections import Counter
from collections.abc import Iterable

import anyio.to_thread
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud.fleet.api.operators import Operators
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.tables import DEVICES, JOBS, ROLLOUTS
from cloud.identity.identity import Role
from protos.errors import CloudError

_MAX_KINDS = 30  # classes of devices by name; all others are one
_OTHER = "other"


class _FleetCollector(Collector):
    """Counts, taken when they are asked for."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def collect(self) -> Iterable[Metric]:
        controller = self._controller
        yield GaugeMetricFamily(
            "isthmus_fleet_leads", "Whether this controller leads.", value=float(controller.leads)
        )
        yield GaugeMetricFamily(
            "isthmus_fleet_broker_connected",
            "Whether it is connected to the broker.",
            value=float(controller.link.connected),
        )
        messages = CounterMetricFamily(
            "isthmus_fleet_messages", "What devices told, by kind, or why it was let go.", labels=["kind"]
        )
        for kind, count in sorted({**controller.intake.counts, "dropped": controller.link.dropped}.items()):
            messages.add_metric([kind], count)
        yield messages
        yield from self._kept()

    def _kept(self) -> Iterable[Metric]:
        with self._controller.database.reading() as connection:
            counted = sa.select(DEVICES.c.kind, DEVICES.c.connection, sa.func.count())
            kinds = connection.execute(counted.group_by(DEVICES.c.kind, DEVICES.c.connection)).all()
            jobs = connection.execute(sa.select(JOBS.c.state, sa.func.count()).group_by(JOBS.c.state)).all()
            asked = sa.select(ROLLOUTS.c.status, sa.func.count()).group_by(ROLLOUTS.c.status)
            rollouts = connection.execute(asked).all()
        devices = GaugeMetricFamily("isthmus_fleet_devices", "Devices.", labels=["class", "connection"])
        for (kind, state), count in sorted(
            _bounded([(kind, state, count) for kind, state, count in kinds]).items()
        ):
            devices.add_metric([kind, state], count)
        yield devices
        for name, rows in (("jobs", jobs), ("rollouts", rollouts)):
            family = GaugeMetricFamily(
                f"isthmus_fleet_{name}", f"{name.title()}, by state.", labels=["state"]
            )
            for state, count in rows:
                family.add_metric([state], count)
            yield family


def _bounded(rows: list[tuple[str, str, int]]) -> Counter[tuple[str, str]]:
    """By class and connection, where rare classes are one."""
    sizes = Counter[str]()
    for kind, _, count in rows:
        sizes[kind] += count
    named = {kind for kind, _ in sizes.most_common(_MAX_KINDS)}
    found = Counter[tuple[str, str]]()
    for kind, state, count in rows:
        found[kind if kind in named else _OTHER, state] += count
    return found


class FleetMonitoring:
    """What a supervisor and Prometheus ask for."""

    def __init__(self, controller: Controller, operators: Operators) -> None:
        self._controller, self._operators = controller, operators
        self._registry = CollectorRegistry()
        self._registry.register(_FleetCollector(controller))

    async def health(self, _: Request) -> Response:
        """200 while the database can be read and written, and, of the leader, the broker too; else 503."""
        controller = self._controller
        try:
            await anyio.to_thread.run_sync(self._look)
            database = controller.database_works
        except CloudError:
            database = False
        told = {"leads": controller.leads, "database": database, "broker": controller.link.connected}
        well = database and (controller.link.connected or not controller.leads)
        return JSONResponse({"status": "serving" if well else "not serving", **told}, 200 if well else 503)

    def _look(self) -> None:
        with self._controller.database.reading() as connection:
            connection.execute(sa.text("SELECT 1"))

    async def show(self, request: Request) -> Response:
        """Raises Unauthenticated, NotPermitted."""
        await self._operators.name(request, Role.VIEWER)
        text = await anyio.to_thread.run_sync(lambda: generate_latest(self._registry))
        return Response(text, media_type=CONTENT_TYPE_LATEST)
