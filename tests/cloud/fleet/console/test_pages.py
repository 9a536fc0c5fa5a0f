"""The console's pages: what they show, and that all that others wrote is text."""

import httpx
import pytest

from cloud.fleet.driver.controller import Controller
from cloud.fleet.storage import desired, jobs, rollouts
from cloud.fleet.storage.audit import Who
from cloud.fleet.storage.devices import Selection
from cloud.fleet.wishes.merging import settings_of
from protos import fleet_pb2 as pb
from tests.cloud.fleet.console.conftest import browsing
from tests.cloud.fleet.telling import arrived, birth, intake_of, window
from tests.pages import HOSTILE, checked

ANNA = Who("plant/anna", HOSTILE)
PINNED = settings_of('{"cuts": {"pinned": "vision.4"}}')


def started(controller: Controller) -> str:
    """A rollout, of which the first device was told."""
    name = rollouts.start(controller.database, rollouts.PlanRequest(selection=Selection()), PINNED, ANNA)
    assert controller.driver.step()
    return name


async def page(controller: Controller, path: str, status: int = 200) -> str:
    async with browsing(controller) as client:
        reply = await client.get(path)
    assert reply.status_code == status
    return reply.text


async def test_the_fleet_shows_what_runs_where_and_outliers_first(controller: Controller) -> None:
    shown = checked(await page(controller, "/"), served=True)
    assert "3 of 3 devices connected" in shown.text
    assert "3 split at vision.4. 1 slower than 1.5 times the median" in shown.text
    assert "P95 is 3.0 times its class's" in shown.text
    assert [link["href"] for link in shown.all("a") if "/devices/" in link["href"]] == ["/devices/d3"]


async def test_a_fleet_without_devices_says_how_they_come(controller: Controller) -> None:
    with controller.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM devices")
    assert "No device has been heard of yet" in checked(await page(controller, "/"), served=True).text


async def test_a_page_of_devices_is_bounded_whatever_the_fleet(controller: Controller) -> None:
    intake = intake_of(controller.database, controller.leadership)
    intake.take([arrived(f"more-{number:03}", birth()) for number in range(120)])
    first = checked(await page(controller, "/devices?name=more"), served=True)
    assert "Devices 1 to 50 of 120" in first.text
    assert [link["href"] for link in first.all("a") if "page" in link["href"]] == [
        "/devices?name=more&page=2"
    ]
    last = checked(await page(controller, "/devices?name=more&page=3"), served=True)
    assert "Devices 101 to 120 of 120" in last.text
    assert "No device is like that" in await page(controller, "/devices?name=more&page=4")


async def test_a_device_shows_its_chain_and_what_crosses(controller: Controller) -> None:
    shown = checked(await page(controller, "/devices/d1"), served=True)
    assert "100% split at vision.4: 1 kB an answer" in shown.text
    assert "Where the time goes" in shown.text
    assert "The policy chooses among all cuts." in shown.text


async def test_what_is_desired_and_not_in_force_is_marked(controller: Controller) -> None:
    desired.change(controller.database, ["d1"], PINNED, ANNA)
    shown = await page(controller, "/devices/d1")
    assert '<tr class="differs"><th scope="row" class="w">cuts.pinned' in shown.replace(
        '<tr class="differs"><th scope="row">', '<tr class="differs"><th scope="row" class="w">'
    )
    intake = intake_of(controller.database, controller.leadership)
    intake.take([arrived("d1", pb.Reported(session=1, version=1, highest_version=1, settings=PINNED))])
    shown = await page(controller, "/devices/d1")
    assert "differs</strong>" not in shown
    assert "in force</span>" in shown


async def test_a_rollout_shows_its_phases_and_what_may_be_done(controller: Controller) -> None:
    name = started(controller)
    shown = checked(await page(controller, f"/rollouts/{name}"), served=True)
    assert "1 of 3 were told" in shown.text
    assert [item.get("aria-current") for item in shown.all("li")].count("step") == 1
    links = [link["href"] for link in shown.all("a")]
    assert {f"/rollouts/{name}/{verb}" for verb in ("pause", "resume", "abort")} <= set(links)


async def test_what_others_wrote_is_text_on_every_page(controller: Controller) -> None:
    name, made = started(controller), pb.Job()
    made.diagnose.SetInParent()
    hostile = birth(2, machine=HOSTILE[:60])
    told = window(1, session=2)
    told.arms[0].cut = told.arms[0].codec = told.arms[0].cloud = HOSTILE
    told.arms.add(route=HOSTILE, status=HOSTILE, count=3)
    told.links.add(cloud=HOSTILE)
    told.stages[HOSTILE].CopyFrom(told.arms[0].milliseconds)
    refused = pb.Refusal(version=9, reason=pb.Refusal.IMPOSSIBLE, field=HOSTILE, text=HOSTILE)
    reported = pb.Reported(session=2, highest_version=9, refused=refused)
    reported.settings.sources.add(name=HOSTILE)
    hostile.device.cuts.add(name=HOSTILE)
    jobs.create(controller.database, ["d1"], made, 60, ANNA)
    intake = intake_of(controller.database, controller.leadership)
    intake.take([arrived("d1", message) for message in (hostile, reported, told)])
    paths = ("/", "/devices", "/devices/d1", "/rollouts", f"/rollouts/{name}", "/audit")
    for path in paths:
        text = checked(await page(controller, path), served=True).text
        assert path == "/rollouts" or HOSTILE[:60] in text, path


async def test_the_audit_log_is_read_page_by_page(controller: Controller) -> None:
    desired.change(controller.database, ["d1"], PINNED, Who("plant/anna", "a trial"))
    shown = checked(await page(controller, "/audit?object=d1"), served=True)
    assert "a trial" in shown.text
    assert "Nothing was changed yet" in await page(controller, "/audit?object=d2")
    assert "Nothing was changed yet" in await page(controller, "/audit?before=1")


@pytest.mark.parametrize("path", ["/devices/d9", "/rollouts/abcd", "/rollouts/abcd/abort", "/rollouts/a/b"])
async def test_what_is_not_there_is_said_on_a_page(controller: Controller, path: str) -> None:
    assert "There is no such thing" in checked(await page(controller, path, 404), served=True).text


async def test_a_page_loads_nothing_foreign_and_stands_in_no_frame(controller: Controller) -> None:
    async with browsing(controller) as client:
        for path in ("/", "/devices/d1", "/live.js", "/login"):
            reply: httpx.Response = await client.get(path)
            policy = reply.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert reply.headers["cache-control"] == "no-store"
            assert reply.headers["x-content-type-options"] == "nosniff"
