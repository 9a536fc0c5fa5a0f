"""A real agent, a real mosquitto, and an operator between them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import pytest

from bench.rig.ports import free_port
from edge.testing.scripted_cloud import says, serving
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from tests.edge.agent.events.sinks.broker import mosquitto, mosquitto_only
from tests.edge.agent.fleet.operator import operator
from tests.edge.agent.life.process import Setting, send
from tests.edge.agent.update.archives import another, archive_server, packed, unusable

pytestmark = mosquitto_only


def fleet(port: int, more: str = "") -> str:
    return (
        f'device = "gate-3"\n[fleet]\nname = "plant"\naddress = "mqtt://127.0.0.1:{port}"\n'
        f'telemetry = "200ms"\n{more}\n'
    )


@pytest.fixture
def setting(tmp_path: Path, bundle_path: Path) -> Iterator[Setting]:
    found = Setting(tmp_path, bundle_path)
    yield found
    found.end()


async def test_a_wish_is_in_force_while_the_agent_runs_and_when_it_starts_again(
    setting: Setting, tmp_path: Path, bundle: Bundle
) -> None:
    port = free_port()
    setting.write(setting.folder_source(), head=fleet(port))
    with mosquitto(tmp_path, port):
        async with operator(port) as told:
            agent = setting.run()
            born = await told.hears(pb.DeviceState, lambda one: one.connection == pb.DeviceState.ONLINE)
            assert born.device.bundle == bundle.digest
            assert [cut.name for cut in born.device.cuts] == [cut.name for cut in bundle.manifest.cuts]
            cut = bundle.manifest.cuts[0].name
            await told.wishes(3, cuts=pb.Cuts(pinned=cut), sources=[{"name": "inbox", "rate": 20.0}])
            done = await told.hears(pb.Reported, lambda one: one.version == 3 and not one.taking_over)
            assert done.settings.cuts.pinned == cut
            assert done.settings.sources[0].rate == 20
            setting.put("a.png")
            window = await told.hears(pb.Telemetry, lambda one: any(arm.count for arm in one.arms))
            assert (window.arms[0].route, window.settings_version) == ("local", 3)
            send(agent, signal.SIGTERM)
            assert await anyio.to_thread.run_sync(agent.ends) == 0
            gone = await told.hears(pb.DeviceState, lambda one: one.connection == pb.DeviceState.OFFLINE)
            assert gone.session == born.session
    setting.write(setting.folder_source(), head=fleet(port))
    setting.run()  # the broker is away
    with mosquitto(tmp_path, port):
        async with operator(port) as told:
            again = await told.hears(pb.DeviceState, lambda one: one.connection == pb.DeviceState.ONLINE)
            assert again.session > born.session
            assert (await told.hears(pb.Reported, lambda one: one.version == 3)).settings.cuts.pinned == cut


async def test_a_bundle_is_fetched_and_its_wish_taken_with_it_or_not_at_all(
    setting: Setting, tmp_path: Path, bundle_path: Path, bundle: Bundle
) -> None:
    port = free_port()
    newer, bad = another(bundle_path, tmp_path / "newer"), unusable(bundle_path, tmp_path / "bad")
    setting.write(setting.folder_source(), head=fleet(port, 'takeover = "1s"'))
    with mosquitto(tmp_path, port), archive_server() as server:
        server.files = {f"/{bad.digest}.tar": packed(bad, tmp_path)}
        async with operator(port) as told:
            setting.run()
            await told.wishes(1, bundle={"digest": bad.digest, "url": f"{server.url}/{bad.digest}.tar"})
            failed = await told.hears(pb.Reported, lambda one: one.refused.version)
            assert failed.refused.reason == pb.Refusal.FAILED
            assert (failed.settings.bundle.digest, failed.version) == (bundle.digest, 0)
            wanted = {"digest": newer.digest, "url": f"{server.url}/{newer.digest}.tar"}
            await told.wishes(2, bundle=wanted, weights={"joule": 7.0})
            between = await told.hears(pb.Reported, lambda one: one.taking_over)
            assert (between.version, between.settings.weights.joule) == (0, 0)
            late = await told.hears(pb.Reported, lambda one: one.refused.version == 2)
            assert late.refused.reason == pb.Refusal.FAILED
            assert late.taking_over, "it is tried further"
            assert "answers 404" in late.takeover.error
            server.files[f"/{newer.digest}.tar"] = packed(newer, tmp_path)
            await told.hears(pb.DeviceState, lambda one: one.device.bundle == newer.digest)
            setting.put("a.png")
            done = await told.hears(pb.Reported, lambda one: one.version == 2 and not one.taking_over)
            assert (done.settings.bundle.digest, done.settings.weights.joule) == (newer.digest, 7)
            assert not done.HasField("refused")


async def test_what_the_device_answers_itself_is_compared_with_the_whole_model(
    setting: Setting, tmp_path: Path
) -> None:
    port = free_port()
    with mosquitto(tmp_path, port), serving(says("a star")) as cloud:
        thrifty = f'[cloud]\naddress = "{cloud.address}"\n[weights]\nkilobyte = "1h"\n'
        setting.write(setting.folder_source(), head=fleet(port, 'agreement = "100%"') + thrifty)
        setting.put("a.png")
        async with operator(port) as told:
            setting.run()
            window = await told.hears(pb.Telemetry, lambda one: any(arm.compared for arm in one.arms))
    (arm,) = [arm for arm in window.arms if arm.compared]
    assert (arm.route, arm.compared, arm.agreed) == ("local", 1, 0)
    assert window.compared_bytes > 0
    assert [one.WhichOneof("input") for one in cloud.requests] == ["picture"]


async def test_a_job_that_the_agent_died_in_is_not_done_again_and_a_restart_is(
    setting: Setting, tmp_path: Path
) -> None:
    port = free_port()
    setting.write(setting.folder_source(), head=fleet(port))
    states = pb.JobStatus.State
    with mosquitto(tmp_path, port):
        async with operator(port) as told:
            agent = setting.run()
            await told.hears(pb.Reported, lambda one: one.session)
            profile = pb.Job(id="profile", profile=pb.Profile())
            await told.orders(profile)
            await told.status("profile", states.RUNNING)
            send(agent, signal.SIGKILL)
            assert await anyio.to_thread.run_sync(agent.ends) == -signal.SIGKILL
            gone = await told.hears(pb.DeviceState, lambda one: one.connection == pb.DeviceState.OFFLINE)
            agent = setting.run()
            await told.status("profile", states.INTERRUPTED)
            await told.orders(profile)
            await told.orders(pb.Job(id="again", restart=pb.Restart()))
            assert await anyio.to_thread.run_sync(agent.ends) == 0
            setting.run()
            await told.status("again", states.SUCCEEDED)
    ran = [one for one in told.of(pb.JobStatus) if one.id == "profile" and one.state == states.RUNNING]
    assert {one.session for one in ran} == {gone.session}
