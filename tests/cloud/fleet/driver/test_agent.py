"""The controller as a process, and the part of a real agent that its operators tune."""

from pathlib import Path

import anyio
import pytest

from cloud.models.tail import Tail
from edge.agent.fleet.accuracy.self_test import SelfTest, forcing
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.held_out import read_held_out
from tests.cloud.calling import calling
from tests.cloud.fleet.serving import served
from tests.edge.agent.fleet.operator import DEVICE, FLEET
from tests.edge.agent.fleet.steered import opened, settings, steered


async def test_an_agent_takes_what_it_can_and_what_it_cannot_never_leaves(
    broker: int, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    cut = bundle.manifest.cuts[0].name
    with served(str(tmp_path / "fleet.db"), broker, fleet=FLEET) as controller:
        with opened(settings(broker, bundle)) as agent, anyio.fail_after(60):
            async with steered(agent):
                await controller.until("/api/v1/devices", lambda found: bool(found["devices"]))
                await controller.until(f"/api/v1/devices/{DEVICE}", lambda found: bool(found["reported"]))
                refused = controller.post("set", everything=True, settings={"cuts": {"pinned": "vision.99"}})
                assert f"it has no cut vision.99, but {cut}" in refused.json()["error"]["message"]
                controller.post("set", everything=True, settings={"cuts": {"pinned": cut}})
                found = await controller.until(
                    f"/api/v1/devices/{DEVICE}", lambda found: bool(found["cut"] == cut)
                )
                made = controller.post("jobs", everything=True, job={"diagnose": {}}).json()["jobs"]
                job = await controller.until(
                    f"/api/v1/jobs/{made[DEVICE]}", lambda found: bool(found["state"] == "succeeded")
                )
        gone = await controller.until(
            f"/api/v1/devices/{DEVICE}", lambda found: bool(found["connection"] == "offline")
        )
    assert agent.settings.rules is not None
    assert job["status"]["report"]
    assert found["bundle"] == gone["bundle"] == bundle.digest


async def test_a_self_test_through_a_service_is_right_by_every_cut(tail: Tail) -> None:
    bundle, pictures = tail.bundle, read_held_out(tail.bundle)
    async with calling(tail) as caller:
        with CloudClient(caller.service.address) as client:
            device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
            routes = forcing((), Rules(), bundle, remote=True)
            found = await SelfTest(device, pictures).run(routes, 6, lambda _: None)
    assert [one.route for one in found] == ["local", *(f"split@{cut.name}" for cut in bundle.manifest.cuts)]
    assert all((one.pictures, one.failed) == (6, 0) and one.right >= 4 for one in found)
