"""Tuning over HTTP in memory, on telemetry that came as messages."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from cloud.fleet.api.operators import Operators
from cloud.fleet.api.process import FleetConfig, fleet_application
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.database import Database
from protos.connection.broker import LOCAL_BROKER
from tests.cloud.fleet.telling import FLEET
from tests.cloud.fleet.tuning.generated import BUNDLE, Machine
from tests.cloud.fleet.tuning.telemetry import messages


@pytest.fixture
async def client(sqlite: Database) -> AsyncIterator[httpx.AsyncClient]:
    """Of a controller that was given a bundle, and knows six devices on slow links and two on fast ones."""
    controller = Controller(sqlite, LOCAL_BROKER, FLEET)
    controller.leadership.claim()
    now = time.time()
    for index in range(8):
        machine = Machine(f"d{index}", uplink=0.5 if index < 6 else 50.0)
        controller.intake.take(messages(machine, [now - 3600 * hour for hour in (3, 2, 1)]))
    config = FleetConfig(FLEET, bundles=(BUNDLE,))
    app = fleet_application(config, controller, Operators(config.access))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/api/v1/"
    ) as made:
        yield made


async def test_each_class_has_its_points_and_what_is_best(client: httpx.AsyncClient) -> None:
    found = (await client.get("tune", params={"accuracy": 50})).json()
    (group,) = found["groups"]
    assert (group["class"], group["link_class"], group["devices"]) == ("Orin", "under-1", 6)
    names = [point["name"] for point in group["points"]]
    assert "split@connector/int8-zstd" in names
    assert group["best"] in {*names, "auto"}
    assert group["today"]["bytes"]["value"] == pytest.approx(1_092)
    (few,) = found["not_known"]
    assert (few["link_class"], few["devices"]) == ("over-20", 2)


async def test_what_is_asked_wrongly_is_refused_with_what_there_is(client: httpx.AsyncClient) -> None:
    for words, said in (({"speed": 1}, "is no parameter"), ({"accuracy": "much"}, "accuracy is 'much'")):
        refused = await client.get("tune", params=words)
        assert refused.status_code == 400
        assert said in refused.json()["error"]["message"]


async def test_what_would_have_been_stands_beside_what_was(client: httpx.AsyncClient) -> None:
    asked = {"policy": "upload@jpeg-75", "price_per_megabyte": "0.5"}
    (result,) = (await client.get("what-if", params=asked)).json()["results"]
    fleet, *classes = result["groups"]
    assert fleet["would"]["arms"] == {"upload@jpeg-75": 1.0}
    assert fleet["was"]["bytes"]["value"] == pytest.approx(1_092)
    assert fleet["cost_a_day"]["would"]["value"] > fleet["cost_a_day"]["was"]["value"] > 0
    assert [one["link_class"] for one in classes] == ["under-1"]
    assert result["model"]["reproduces"] in {True, None}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"policy": "split@vision.9"}, "vision.9"),
        ({"bundle": "beef"}, "no bundle 'beef'"),
        ({"settings": '{"cuts": {"pinned": "vision.9"}}'}, "vision.9"),
        (
            {"settings": '{"rules": {"local": false}}', "policy": "local"},
            "6 devices would have no way to answer",
        ),
        ({"second_worth": 1}, "price_per_megabyte"),
        ({"class": "Toaster"}, "no device is of that class"),
    ],
)
async def test_what_cannot_be_asked_about_is_said(
    client: httpx.AsyncClient, asked: dict[str, str], said: str
) -> None:
    refused = await client.get("what-if", params=asked)
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]


async def test_too_few_devices_are_not_judged_for_drift(client: httpx.AsyncClient) -> None:
    (result,) = (await client.get("drift", params={"hours": 2, "before": 4})).json()["results"]
    assert (result["devices"], result["judged"], result["not_judged"]) == ([], 0, 8)


async def test_a_viewer_may_ask_and_every_parameter_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("openapi.json")).json()["paths"]
    for name, parameter in (("tune", "min_accuracy"), ("what-if", "price_per_megabyte"), ("drift", "rate")):
        told = paths[f"/api/v1/{name}"]["get"]
        assert told["description"] == "Needs the role viewer."
        assert parameter in {one["name"] for one in told["parameters"]}
