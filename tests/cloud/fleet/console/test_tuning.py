"""The page that tunes, on telemetry that came as messages, and the rollout that is started from it."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.fleet.api.operators import Operators
from cloud.fleet.api.process import FleetConfig, fleet_application
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.database import Database
from protos.connection.broker import LOCAL_BROKER
from tests.cloud.fleet.console.conftest import ORIGIN, OWN
from tests.cloud.fleet.telling import FLEET
from tests.cloud.fleet.tuning.generated import BUNDLE, Machine
from tests.cloud.fleet.tuning.telemetry import messages
from tests.pages import checked

ASKED = "class=Orin&link_class=under-1&accuracy=50&bytes=0&energy=0"


@pytest.fixture
async def client(sqlite: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Of a controller that was given a bundle, and knows six devices on slow links and two on fast ones."""
    controller = Controller(sqlite, LOCAL_BROKER, FLEET)
    controller.leadership.claim()
    now = time.time()
    for index in range(8):
        machine = Machine(f"d{index}", uplink=0.5 if index < 6 else 50.0)
        controller.intake.take(messages(machine, [now - 3600 * hour for hour in (3, 2, 1)]))
    app = fleet_application(
        FleetConfig(FLEET, bundles=(BUNDLE,)), controller, Operators(FleetConfig().access)
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=OWN) as made:
        yield made


async def test_each_class_is_drawn_with_what_would_be_by_the_weights(client: httpx.AsyncClient) -> None:
    shown = checked((await client.get(f"/tune?{ASKED}")).text, served=True)
    assert "Orin, under 1 Mbit/s" in shown.text
    assert "split@connector/int8-zstd (today)" in shown.text
    assert [field["value"] for field in shown.all("input") if field.get("type") == "range"] == [
        "50",
        "0",
        "0",
    ]


async def test_who_is_not_known_well_enough_is_said(client: httpx.AsyncClient) -> None:
    assert "2 of 2 devices gave 20 answers or more; 5 are needed" in (await client.get("/tune")).text


async def test_a_weight_that_is_none_is_said_on_a_page(client: httpx.AsyncClient) -> None:
    refused = await client.get("/tune?accuracy=much")
    assert refused.status_code == 400
    assert "Accuracy is 'much'" in checked(refused.text, served=True).text


async def test_what_is_recommended_is_rolled_out_to_its_class_and_link(client: httpx.AsyncClient) -> None:
    asked = await client.get(f"/tune/rollout?{ASKED}")
    assert "6 devices of Orin, under 1 Mbit/s" in checked(asked.text, served=True).text
    form = dict(pair.split("=") for pair in ASKED.split("&"))
    started = await client.post("/tune/rollout", data={**form, "why": "by the page"})
    assert started.status_code == 303
    shown = (await client.get(f"/api/v1{started.headers['location']}")).json()
    assert shown["devices"] == 6
    assert shown["settings"]["weights"]["accuracy"] == 50


async def test_a_class_that_is_none_starts_nothing(client: httpx.AsyncClient) -> None:
    refused = await client.post("/tune/rollout", data={"class": "Pi", "link_class": "1-5", "why": "x"})
    assert refused.status_code == 400
    assert (await client.get("/api/v1/rollouts")).json() == {"rollouts": []}
