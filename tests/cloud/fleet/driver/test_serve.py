"""Controllers as processes, a real broker, and devices that speak MQTT."""

import resource
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import aiomqtt
import anyio
import anyio.to_thread
import pytest

from protos import fleet_pb2 as pb
from protos.fleet.topics import DeviceTopics
from tests.cloud.fleet.device import SimulatedDevice, device_at
from tests.cloud.fleet.postgres import Postgres
from tests.cloud.fleet.serving import served
from tests.cloud.fleet.telling import FLEET
from tests.edge.agent.events.sinks.feeding import until

PINNED = {"cuts": {"pinned": "vision.4"}}
PLAN = {
    "health": 4.0,
    "baseline": 3.0,
    "late": 5.0,
    "silent": 5.0,
    "max_failed": 1,
    "guards": {"energy": None},
}


async def devices_at(
    stack: AsyncExitStack, port: int, count: int, **options: object
) -> list[SimulatedDevice]:
    names = [f"d{number}" for number in range(count)]
    return [await stack.enter_async_context(device_at(port, name, **options)) for name in names]


async def test_settings_reach_devices_and_come_back_reported(broker: int, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        devices = await devices_at(stack, broker, 3)
        controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
        with anyio.fail_after(60):
            await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == 3)
            set_ = controller.post("set", everything=True, settings=PINNED)
            assert set_.json() == {"versions": {"d0": 1, "d1": 1, "d2": 1}}
            found = await controller.until(
                "/api/v1/devices", lambda found: all(row["cut"] == "vision.4" for row in found["devices"])
            )
        assert {row["connection"] for row in found["devices"]} == {"online"}
        assert all(device.settings.cuts.pinned == "vision.4" for device in devices)
        assert controller.get("/healthz")["status"] == "serving"


async def test_a_job_is_done_and_its_end_is_known(broker: int, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        (device,) = await devices_at(stack, broker, 1)
        controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
        with anyio.fail_after(60):
            await controller.until("/api/v1/devices", lambda found: bool(found["devices"]))
            made = controller.post("jobs", everything=True, job={"profile": {}}).json()["jobs"]
            await controller.until(
                f"/api/v1/jobs/{made['d0']}", lambda found: bool(found["state"] == "succeeded")
            )
        assert device.jobs == [made["d0"]]


async def test_what_the_broker_forgot_is_told_again(broker: int, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        (device,) = await devices_at(stack, broker, 1)
        with anyio.fail_after(60):
            with served(str(tmp_path / "fleet.db"), broker) as controller:
                await controller.until("/api/v1/devices", lambda found: bool(found["devices"]))
                controller.post("set", everything=True, settings=PINNED)
                await controller.until(
                    "/api/v1/devices", lambda found: bool(found["devices"][0]["reported_version"] == 1)
                )
            await device.client.publish(device.topics.desired, b"", qos=1, retain=True)  # forgotten
            device.version, device.settings = 0, pb.FleetSettings()
            stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
            await until(lambda: device.version == 1)


async def test_another_controller_takes_over_when_the_leader_is_killed(
    broker: int, database_url: str
) -> None:
    async with AsyncExitStack() as stack:
        (device,) = await devices_at(stack, broker, 1)
        one = stack.enter_context(served(database_url, broker))
        with anyio.fail_after(90):
            await one.until("/healthz", lambda found: bool(found.get("leads")))
            await one.until("/api/v1/devices", lambda found: bool(found["devices"]))
            two = stack.enter_context(served(database_url, broker))
            assert not two.get("/healthz")["leads"]
            one.process.send_signal(signal.SIGKILL)
            two.post("set", everything=True, settings=PINNED)  # any of them takes a change, the leader tells
            await two.until("/healthz", lambda found: bool(found.get("leads")))
            await until(lambda: device.version == 1)


async def test_what_devices_tell_while_the_database_is_away_is_written_once_it_is_back(
    broker: int, postgres: Postgres
) -> None:
    url = postgres.create("away")
    with anyio.fail_after(120):
        async with AsyncExitStack() as stack:
            controller = stack.enter_context(served(url, broker))
            await controller.until("/healthz", lambda found: bool(found["leads"] and found["broker"]))
            await anyio.to_thread.run_sync(postgres.stop)
            try:
                await controller.until("/healthz", lambda found: not found["database"])
                assert controller.post("set", everything=True, settings=PINNED).status_code == 503
                await devices_at(stack, broker, 2)
            finally:
                await anyio.to_thread.run_sync(postgres.start)
            await controller.until("/api/v1/devices", lambda found: len(found.get("devices", [])) == 2)
            assert controller.post("set", everything=True, settings=PINNED).status_code == 200


async def test_a_disk_that_is_full_loses_nothing_that_was_said_to_be_done_and_is_made_up_for(
    broker: int, tmp_path: Path
) -> None:
    with anyio.fail_after(120):
        async with AsyncExitStack() as stack:
            controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
            (device,) = await devices_at(stack, broker, 1)
            await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == 1)
            process, (_, most) = controller.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, most))  # no file may grow
            refused = controller.post("set", everything=True, settings=PINNED)
            assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error")
            await controller.until("/healthz", lambda found: not found["database"])
            late = await stack.enter_async_context(device_at(broker, "late"))
            resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))
            await controller.until("/api/v1/devices", lambda found: len(found.get("devices", [])) == 2)
            assert controller.post("set", everything=True, settings=PINNED).json()["versions"]["d0"] == 1
            await until(lambda: device.version == late.version == 1)


async def test_garbage_that_a_broker_retains_keeps_nobody_from_being_heard(
    broker: int, tmp_path: Path
) -> None:
    garbage = [b"\xff\x00", b"[" * 5000, b'{"session": "18446744073709551615"}', b"x" * 300_000]
    async with aiomqtt.Client("127.0.0.1", broker) as vandal:
        for number, payload in enumerate(garbage):
            own, gone = DeviceTopics(FLEET, "d0"), DeviceTopics(FLEET, f"gone-{number}")
            for topic in (own.state, own.reported, own.telemetry, gone.desired, gone.state, gone.job("x")):
                await vandal.publish(topic, payload, qos=1, retain=True)
        await vandal.publish(f"isthmus/v1/{FLEET}/no name/state", b"{}", qos=1, retain=True)
    with anyio.fail_after(60):
        async with AsyncExitStack() as stack:
            controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
            await controller.until("/healthz", lambda found: bool(found["broker"]))
            (device,) = await devices_at(stack, broker, 1)
            await controller.until("/api/v1/devices", lambda found: bool(found["devices"]))
            controller.post("set", everything=True, settings=PINNED)
            await until(lambda: device.version == 1)
            assert [row["name"] for row in controller.get("/api/v1/devices")["devices"]] == ["d0"]


@pytest.mark.slow
async def test_a_bad_rollout_is_rolled_back_although_the_controller_is_killed_in_the_middle(
    broker: int, tmp_path: Path
) -> None:
    """The one device that gets it falls silent."""
    database = str(tmp_path / "fleet.db")
    async with AsyncExitStack() as stack:
        devices = await devices_at(stack, broker, 4)
        with anyio.fail_after(120):
            with served(database, broker) as controller:
                await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == 4)
                started = controller.post("rollouts", everything=True, settings=PINNED, plan=PLAN).json()
                path = f"/api/v1/rollouts/{started['id']}"
                await controller.until(path, lambda found: bool(found["standings"]["in force"] == 1))
                controller.process.send_signal(signal.SIGKILL)
            (bad,) = [device for device in devices if device.version == 1]
            bad.every = 1000.0  # it tells nothing any more
            controller = stack.enter_context(served(database, broker))
            found = await controller.until(path, lambda found: found["status"] == "rolled back")
            await until(lambda: bad.version == 2)
        assert (found["treated"], found["failed"]) == (1, [bad.name])
        assert bad.settings == pb.FleetSettings()
        assert {device.version for device in devices} == {0, 2}, "nobody else was told anything"


async def test_a_rollout_that_an_operator_aborts_restores_what_was_before(
    broker: int, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        devices = await devices_at(stack, broker, 3)
        controller = stack.enter_context(served(str(tmp_path / "fleet.db"), broker))
        with anyio.fail_after(60):
            await controller.until("/api/v1/devices", lambda found: len(found["devices"]) == 3)
            controller.post("set", everything=True, settings={"cuts": {"pinned": "connector"}})
            started = controller.post("rollouts", everything=True, settings=PINNED, plan=PLAN).json()
            path = f"rollouts/{started['id']}"
            await controller.until(f"/api/v1/{path}", lambda found: bool(found["standings"]["in force"]))
            refused = controller.post("rollouts", everything=True, settings=PINNED)
            assert refused.status_code == 409
            aborted = controller.post(f"{path}/abort")
            assert aborted.json()["status"] == "aborted"
            await until(lambda: {one.settings.cuts.pinned for one in devices} == {"connector"})
