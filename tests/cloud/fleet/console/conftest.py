"""The console over HTTP in memory, of a controller that knows devices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from cloud.config import AccessConfig
from cloud.fleet.api.operators import Operators
from cloud.fleet.api.process import FleetConfig, fleet_application
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.database import Database
from protos.connection.broker import LOCAL_BROKER
from tests.cloud.fleet.telling import FLEET, arrived, known_devices, window

ORIGIN = "http://127.0.0.1"
OWN = {"origin": ORIGIN}
DEVICES = ("d1", "d2", "d3")


@pytest.fixture
def controller(sqlite: Database) -> Controller:
    """It leads, and knows three devices, which have told a window each; the last one's is slow."""
    made = Controller(sqlite, LOCAL_BROKER, FLEET)
    made.leadership.claim()
    intake = known_devices(sqlite, made.leadership, DEVICES)
    slow = {"d3": 900.0}
    intake.take([arrived(name, window(1, milliseconds=slow.get(name, 300.0), failed=0)) for name in DEVICES])
    return made


@asynccontextmanager
async def browsing(
    controller: Controller, access: AccessConfig | None = None, headers: dict[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's cookies, and nothing else of one."""
    config = FleetConfig(FLEET, access=access or AccessConfig())
    app = fleet_application(config, controller, Operators(config.access))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        yield client
