"""The device's side over a real broker that comes and goes, and messages of every kind."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench.rig.ports import free_port
from edge import config
from edge.agent.fleet import link
from edge.agent.fleet.consider import Reason
from edge.agent.fleet.database import FleetDatabase
from edge.agent.fleet.telemetry import MAX_WAITING
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.errors import RequestError
from tests.edge.agent.events.sinks.broker import mosquitto, mosquitto_only
from tests.edge.agent.events.sinks.feeding import until
from tests.edge.agent.fleet.older_broker import older_broker
from tests.edge.agent.fleet.operator import DEVICE, FLEET, Operator, operator
from tests.edge.agent.fleet.steered import Agent, opened, settings, steered
from tests.edge.agent.update.archives import another, archive_server, packed

ONLINE, OFFLINE = pb.DeviceState.ONLINE, pb.DeviceState.OFFLINE
State = pb.JobStatus.State


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(link, "_FIRST_SECONDS", 0.01)
    monkeypatch.setattr(link, "_LONGEST_SECONDS", 0.1)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def agent(port: int, bundle: Bundle) -> Iterator[Agent]:
    with opened(settings(port, bundle)) as found:
        yield found


@asynccontextmanager
async def connected(agent: Agent, port: int, tmp_path: Path) -> AsyncIterator[Operator]:
    """The device, and an operator who has heard of its birth."""
    with mosquitto(tmp_path, port):
        async with operator(port) as told, steered(agent):
            await told.hears(pb.Reported, lambda one: one.session)
            yield told


@mosquitto_only
async def test_birth_and_goodbye_have_one_session_and_the_next_a_greater_one_whatever_the_clock_says(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    with mosquitto(tmp_path, port):
        async with operator(port) as told:
            sessions = []
            for _ in range(2):
                async with steered(agent):
                    born = await told.hears(pb.DeviceState, lambda one: one.connection == ONLINE)
                gone = await told.hears(pb.DeviceState, lambda one: one.connection == OFFLINE)
                sessions += [born.session, gone.session]
    assert sessions[0] == sessions[1] < sessions[2] == sessions[3]
    assert born.device.machine
    assert born.device.times.pieces


@mosquitto_only
async def test_a_clock_that_was_years_ahead_once_does_no_harm(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    agent.part.close(in_order=True)
    ahead = FleetDatabase(config.fleet_file(FLEET, DEVICE))
    ahead.write("session", b"9999999999")
    ahead.close()
    with opened(agent.base) as later:
        async with connected(later, port, tmp_path) as told:
            assert told.of(pb.DeviceState)[-1].session == 10_000_000_000


@mosquitto_only
async def test_a_broker_that_comes_back_with_nothing_retained_is_told_all_again(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    async with steered(agent):
        with mosquitto(tmp_path, port):
            async with operator(port) as told:
                first = await told.hears(pb.DeviceState, lambda one: one.connection == ONLINE)
                await told.wishes(1, weights={"joule": 5})
                await told.hears(pb.Reported, lambda one: one.version == 1 and not one.taking_over)
        with mosquitto(tmp_path, port):
            async with operator(port) as told:
                again = await told.hears(pb.DeviceState, lambda one: one.connection == ONLINE)
                kept = await told.hears(pb.Reported, lambda one: one.session == again.session)
    assert again.session > first.session
    assert (kept.version, kept.settings.weights.joule) == (1, 5)


async def test_a_broker_of_mqtt_3_is_spoken_to_in_that_and_known_to_the_next_process(bundle: Bundle) -> None:
    with older_broker() as port:
        with opened(settings(port, bundle)) as agent:
            async with operator(port) as told, steered(agent):
                await told.wishes(1, weights={"joule": 5})
                await told.hears(pb.Reported, lambda one: one.version == 1)
        assert agent.settings.weights.joule == 5.0
    kept = FleetDatabase(config.fleet_file(FLEET, DEVICE))
    assert not link.KnownBroker(kept, f"mqtt://127.0.0.1:{port}").newer
    assert link.KnownBroker(kept, "mqtt://127.0.0.1:1").newer
    kept.close()


@mosquitto_only
async def test_garbage_that_is_retained_changes_nothing_and_what_comes_next_is_taken(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    async with connected(agent, port, tmp_path) as told:
        garbage = {
            b"\xff\x00": "UTF-8",
            b"[" * 5000: "nested",
            b'{"version": 1, "colour": "red"}': "colour",
            b"x" * 1_000_000: "at most 65536",
        }
        for data, words in garbage.items():
            await told.says(data)
            found = await told.hears(pb.Reported, lambda one, words=words: words in one.refused.text)  # type: ignore[misc]
            assert found.refused.reason == Reason.MALFORMED
        await told.wishes(1, weights={"joule": 5})
        done = await told.hears(pb.Reported, lambda one: one.version == 1 and not one.taking_over)
    assert not done.HasField("refused")
    assert agent.settings.weights.joule == 5.0


@mosquitto_only
async def test_settings_that_cannot_be_taken_are_failed_and_the_old_ones_stay(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    async with connected(agent, port, tmp_path) as told:
        agent.fails = RequestError("the disk is full; make room")
        await told.wishes(1, weights={"joule": 5})
        found = await told.hears(pb.Reported, lambda one: one.refused.reason == Reason.FAILED)
        assert (found.version, found.refused.text) == (0, "the disk is full; make room")


@mosquitto_only
async def test_windows_wait_for_the_broker_and_the_oldest_are_lost_which_shows(
    agent: Agent, port: int, tmp_path: Path
) -> None:
    async with connected(agent, port, tmp_path) as told:
        await told.hears(pb.Telemetry, lambda one: one.sequence >= 2)
        session = told.of(pb.Telemetry)[-1].session
    part = agent.part
    async with steered(agent):
        for _ in range(MAX_WAITING + 30):
            await part.telemetry.end_window()
        with mosquitto(tmp_path, port):
            async with operator(port) as later:
                await until(lambda: len(later.of(pb.Telemetry)) >= MAX_WAITING)
    found = later.of(pb.Telemetry)
    assert len({(one.session, one.sequence) for one in found}) == len(found)
    assert all(one.session >= session for one in found)
    assert found[0].sequence > 1, "a gap"


@mosquitto_only
async def test_jobs_of_every_kind(
    agent: Agent, port: int, tmp_path: Path, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.agent.fleet.tasks._MEASURE_SECONDS", 0.01)
    monkeypatch.setattr("edge.agent.fleet.tasks._LEAVE_SECONDS", 0.0)
    newer = another(bundle_path, tmp_path / "newer")
    async with connected(agent, port, tmp_path) as told:
        with archive_server() as server:
            server.files = {"/a.tar": packed(newer, tmp_path)}
            server.breaks = [500_000]
            reference = pb.BundleReference(digest=newer.digest, url=f"{server.url}/a.tar")
            for name in ("fetch", "again"):
                await told.orders(pb.Job(id=name, fetch=pb.FetchBundle(bundle=reference)))
                await told.status(name, State.SUCCEEDED)
            assert [status for _, _, status in server.asked] == [200, 206]
        await told.orders(pb.Job(id="profile", profile=pb.Profile()))
        assert (await told.status("profile", State.SUCCEEDED)).times.measured
        await told.orders(pb.Job(id="exam", self_test=pb.SelfTest(pictures=2)))
        (tested,) = (await told.status("exam", State.SUCCEEDED)).accuracies
        assert (tested.route, tested.pictures, tested.failed) == ("local", 2, 0)
        await told.orders(pb.Job(id="look", diagnose=pb.Diagnose()))
        report = json.loads((await told.status("look", State.SUCCEEDED)).report)
        assert report["bundle"] == agent.models.key.bundle
        await told.orders(pb.Job(id="peep", diagnose=pb.Diagnose(content=True)))
        assert "allow-content" in (await told.status("peep", State.FAILED)).reason
        await told.orders(pb.Job(id="restart", restart=pb.Restart()))
        await until(lambda: agent.ended)
    assert newer.digest in {place.name for place in config.fetched_folder().iterdir()}


@mosquitto_only
async def test_another_length_of_windows_holds_at_once(agent: Agent, port: int, tmp_path: Path) -> None:
    async with connected(agent, port, tmp_path) as told:
        for version, seconds in ((1, 3600), (2, 0)):
            await told.wishes(version, telemetry_seconds=seconds)
            await told.hears(pb.Reported, lambda one, version=version: one.version == version)  # type: ignore[misc]
        await told.wishes(3, telemetry_seconds=1)
        await told.hears(pb.Telemetry, lambda one: one.settings_version == 3)
