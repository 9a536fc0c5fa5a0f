"""The API, over HTTP in memory, on devices that were born."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cloud.config import AccessConfig
from cloud.fleet.api.operators import Operators
from cloud.fleet.api.process import FleetConfig, fleet_application
from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage.database import Database
from cloud.identity.identity import Identity
from cloud.identity.token_list import new_token
from protos.connection.broker import LOCAL_BROKER, BrokerAccess
from protos.errors import RequestError
from tests.cloud.fleet.telling import FLEET, known_devices

PINNED = {"cuts": {"pinned": "vision.4"}}


@pytest.fixture
def controller(sqlite: Database) -> Controller:
    """It leads, and knows three devices."""
    made = Controller(sqlite, LOCAL_BROKER, FLEET)
    made.leadership.claim()
    known_devices(sqlite, made.leadership, ["d1", "d2", "d3"])
    return made


@asynccontextmanager
async def asking(
    controller: Controller, access: AccessConfig | None = None, token: str = ""
) -> AsyncIterator[httpx.AsyncClient]:
    config = FleetConfig(FLEET, access=access or AccessConfig())
    app = fleet_application(config, controller, Operators(config.access))
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> httpx.Response:
    return await client.post(f"/api/v1/{path}", json={"why": "a test", **body})


async def test_devices_are_listed_selected_labelled_and_shown(controller: Controller) -> None:
    async with asking(controller) as client:
        labelled = await post(client, "labels", selection={"devices": ["d1"]}, labels={"site": "berlin"})
        assert labelled.json() == {"devices": ["d1"]}
        found = (await client.get("/api/v1/devices?label=site=berlin")).json()["devices"]
        assert [row["name"] for row in found] == ["d1"]
        shown = (await client.get("/api/v1/devices/d1")).json()
    assert shown["state"]["device"]["machine"] == "Orin Nano"
    assert shown["labels"] == {"site": "berlin"}


async def test_nothing_is_set_for_all_by_oversight(controller: Controller) -> None:
    async with asking(controller) as client:
        refused = await post(client, "set", settings=PINNED)
        assert refused.status_code == 400
        assert "no device is selected" in refused.json()["error"]["message"]
        done = await post(client, "set", settings=PINNED, everything=True)
    assert done.json() == {"versions": {"d1": 1, "d2": 1, "d3": 1}}


async def test_the_second_of_two_operators_gets_a_conflict(controller: Controller) -> None:
    chosen = {"selection": {"devices": ["d1"]}, "expected": {"d1": 0}, "settings": PINNED}
    async with asking(controller) as client:
        assert (await post(client, "set", **chosen)).status_code == 200
        second = await post(client, "set", **chosen)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("set", {"everything": True, "settings": {"cuts": {"pinned": "vision.9"}}}, 400, "no cut vision.9"),
        ("set", {"everything": True, "settings": {"colour": "red"}}, 400, "colour"),
        (
            "set",
            {"everything": True, "settings": {"rules": {"max_loss": 900}}},
            400,
            "settings.rules.max_loss",
        ),
        ("set", {"everything": True, "settings": PINNED, "why": " "}, 400, "say why"),
        ("set", {"selection": {"devices": ["d9"]}, "settings": PINNED}, 400, "no device 'd9'"),
        ("jobs", {"everything": True, "job": {}}, 400, "no task"),
        ("rollouts", {"everything": True, "settings": PINNED, "plan": {"health": 10}}, 400, "health"),
        ("rollouts", {"everything": True, "settings": PINNED, "plan": {"healht": 10}}, 400, "healht"),
        ("rollouts/abcd/pause", {}, 404, "no rollout 'abcd'"),
        ("jobs/abcd/cancel", {}, 404, "no job 'abcd'"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_is_wrong(
    controller: Controller, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    async with asking(controller) as client:
        refused = await post(client, path, **body)
    assert refused.status_code == status
    assert said in refused.json()["error"]["message"]


async def test_a_body_that_is_no_json_or_too_large_is_refused(controller: Controller) -> None:
    async with asking(controller) as client:
        assert (await client.post("/api/v1/set", content=b"{")).status_code == 415
        assert (await client.post("/api/v1/set", content=b" " * (5 << 20))).status_code == 413


async def test_a_rollout_is_started_paused_resumed_and_aborted(controller: Controller) -> None:
    async with asking(controller) as client:
        started = (await post(client, "rollouts", everything=True, settings=PINNED)).json()
        assert (started["status"], started["devices"], started["treated"]) == ("running", 3, 0)
        path = f"rollouts/{started['id']}"
        assert controller.driver.step()
        assert (await post(client, f"{path}/pause")).json()["status"] == "paused"
        assert (await post(client, f"{path}/resume", unproven=True)).json()["status"] == "running"
        shown = (await client.get(f"/api/v1/{path}")).json()
        assert shown["treated"] == 1
        in_rollout = await post(client, "set", everything=True, settings=PINNED)
        assert (in_rollout.status_code, in_rollout.json()["error"]["code"]) == (409, "conflict")
        assert (await post(client, f"{path}/abort")).json()["status"] == "aborted"
        assert (await post(client, f"{path}/abort")).status_code == 400
        listed = (await client.get("/api/v1/rollouts")).json()["rollouts"]
        audit = (await client.get(f"/api/v1/audit?object={started['id']}")).json()["audit"]
    assert [one["status"] for one in listed] == ["aborted"]
    assert {one["why"] for one in audit} == {"a test"}


async def test_roles_say_who_may_what(controller: Controller, tmp_path: Path) -> None:
    made = {
        role: new_token(Identity.checked("acme", role, role))
        for role in ("device", "viewer", "operator", "admin")
    }
    tokens = tmp_path / "tokens"
    tokens.write_text("\n".join(one.line for one in made.values()))
    access = AccessConfig(tokens=tokens)

    async def statuses(token: str) -> list[int]:
        async with asking(controller, access, token) as client:
            return [
                (await client.get("/api/v1/devices")).status_code,
                (await post(client, "set", everything=True, settings=PINNED)).status_code,
                (await post(client, "rollouts", everything=True, settings={})).status_code,
                (await client.get("/metrics")).status_code,
            ]

    assert await statuses("") == [401, 401, 401, 401]
    assert await statuses(made["device"].token) == [403, 403, 403, 403]
    assert await statuses(made["viewer"].token) == [200, 403, 403, 200]
    assert await statuses(made["operator"].token) == [200, 200, 403, 200]
    assert await statuses(made["admin"].token) == [200, 200, 200, 200]


async def test_metrics_are_of_classes_and_never_of_a_device(controller: Controller) -> None:
    async with asking(controller) as client:
        text = (await client.get("/metrics")).text
        health = await client.get("/healthz")
    assert 'isthmus_fleet_devices{class="Orin Nano",connection="online"} 3.0' in text
    assert "isthmus_fleet_leads 1.0" in text
    assert "d1" not in text
    assert (health.status_code, health.json()["broker"]) == (503, False), "it leads, and has no broker"


async def test_the_document_names_every_operation(controller: Controller) -> None:
    async with asking(controller) as client:
        document = (await client.get("/api/v1/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert document["paths"]["/api/v1/rollouts/{rollout}/abort"]["post"]["operationId"] == "abort_rollout"
    assert {"SetBody", "RolloutBody", "Selection"} <= document["components"]["schemas"].keys()


def test_beyond_loopback_nobody_is_served_whom_nobody_knows() -> None:
    with pytest.raises(RequestError, match="beyond loopback"):
        FleetConfig(listen=("0.0.0.0", 7080))
    with pytest.raises(RequestError, match="mqtts"):
        FleetConfig(broker=BrokerAccess("mqtt://broker.example:1883"))
    with pytest.raises(RequestError, match="--bucket"):
        FleetConfig(bucket=7.0)
