"""Wishes over restarts of the process, and of a file that changes below them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.agent.fleet.consider import DeviceNow, Reason
from edge.agent.fleet.database import FleetDatabase
from edge.agent.fleet.overlay import ImpossibleWish
from edge.agent.fleet.shadow import Shadow
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.fleet.messages import to_json
from tests.edge.agent.fleet.test_consider import SOURCE, base
from tests.edge.agent.update.archives import another


@pytest.fixture
def database(tmp_path: Path) -> Iterator[FleetDatabase]:
    found = FleetDatabase(tmp_path / "fleet.db")
    yield found
    found.close()


def wish(version: int, joule: float, **more: object) -> bytes:
    return to_json(pb.Desired(version=version, settings=pb.FleetSettings(weights={"joule": joule}, **more)))  # type: ignore[arg-type]


def reported(shadow: Shadow, bundle: Bundle) -> pb.Reported:
    shadow.in_force(base(), bundle)
    return shadow.reported(9)


async def taken(database: FleetDatabase, bundle: Bundle, data: bytes) -> Shadow:
    shadow = Shadow(database, bundle.digest)
    assert await shadow.take(data, DeviceNow(base(), bundle, bundle.digest))
    return shadow


async def test_a_wish_that_proved_possible_is_in_force_after_a_restart(
    database: FleetDatabase, bundle: Bundle
) -> None:
    shadow = await taken(database, bundle, wish(3, 7))
    assert reported(shadow, bundle).taking_over
    await shadow.settle()
    again = Shadow(database, bundle.digest)
    assert again.in_force(base(), bundle).weights.joule == 7.0
    told = reported(again, bundle)
    assert (told.session, told.version, told.highest_version, told.taking_over) == (9, 3, 3, False)


async def test_one_that_failed_leaves_the_one_before_and_is_not_taken_again(
    database: FleetDatabase, bundle: Bundle
) -> None:
    await (await taken(database, bundle, wish(3, 7))).settle()
    shadow = await taken(database, bundle, wish(4, 8))
    await shadow.fail("it did not answer")
    told = reported(shadow, bundle)
    assert (told.version, told.highest_version, told.settings.weights.joule) == (3, 4, 7)
    assert (told.refused.version, told.refused.reason) == (4, Reason.FAILED)
    assert not await shadow.take(wish(4, 8), DeviceNow(base(), bundle, bundle.digest))
    assert reported(shadow, bundle).refused.reason == Reason.FAILED


async def test_a_replay_is_refused_until_the_last_wish_is_told_again(
    database: FleetDatabase, bundle: Bundle
) -> None:
    shadow = await taken(database, bundle, wish(3, 7))
    await shadow.settle()
    now = DeviceNow(base(), bundle, bundle.digest)
    assert not await shadow.take(wish(2, 1), now)
    assert (reported(shadow, bundle).refused.reason, reported(shadow, bundle).version) == (Reason.STALE, 3)
    assert not await shadow.take(wish(3, 7), now)
    assert not reported(shadow, bundle).HasField("refused")


async def test_a_wish_that_the_process_always_dies_of_is_taken_back(
    database: FleetDatabase, bundle: Bundle
) -> None:
    await taken(database, bundle, wish(3, 7))
    starts = [Shadow(database, bundle.digest).in_force(base(), bundle).weights.joule for _ in range(4)]
    assert starts == [7.0, 7.0, 7.0, 0.0]
    assert reported(Shadow(database, bundle.digest), bundle).refused.reason == Reason.FAILED


async def test_a_process_that_ends_in_order_does_not_die_of_a_wish(
    database: FleetDatabase, bundle: Bundle
) -> None:
    await taken(database, bundle, wish(3, 7))
    for _ in range(5):
        shadow = Shadow(database, bundle.digest)
        assert shadow.in_force(base(), bundle).weights.joule == 7.0
        shadow.leave()


async def test_settings_of_a_bundle_wait_for_it(database: FleetDatabase, bundle: Bundle) -> None:
    reference = {"digest": "a" * 64, "url": "https://models.example/a.tar"}
    shadow = await taken(database, bundle, wish(3, 7, bundle=reference))
    assert shadow.in_force(base(), bundle).weights.joule == 0.0
    update = shadow.wanted(base(), bundle.digest).update
    assert update
    assert (update.digest, update.url.text) == ("a" * 64, "https://models.example/a.tar")


async def test_a_wish_that_goes_with_the_file_no_more_is_not_in_force(
    database: FleetDatabase, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    shadow = await taken(database, bundle, wish(3, 7, sources=[{"name": "gate", "rate": 2}]))
    await shadow.settle()
    changed = base(source=[SOURCE | {"name": "door"}])
    assert shadow.in_force(changed, bundle).weights.joule == 0.0
    told = shadow.reported(1)
    assert (told.version, told.refused.reason, told.refused.version) == (0, Reason.IMPOSSIBLE, 3)
    assert "does not go with agent.toml any more" in caplog.text
    assert shadow.in_force(base(), bundle).weights.joule == 7.0, "it is kept"


async def test_what_was_kept_and_is_damaged_is_forgotten_and_said(
    database: FleetDatabase, bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    await (await taken(database, bundle, wish(3, 7))).settle()
    database.write("shadow", database.read("shadow")[:20])
    assert Shadow(database, bundle.digest).in_force(base(), bundle).weights.joule == 0.0
    assert "agent.toml alone holds" in caplog.text


async def test_a_bundle_that_does_not_go_with_its_wish_is_not_tried(
    database: FleetDatabase, bundle: Bundle, bundle_path: Path, tmp_path: Path
) -> None:
    newer = another(bundle_path, tmp_path / "newer")
    reference = {"digest": newer.digest, "url": "https://models.example/a.tar"}
    shadow = await taken(database, bundle, wish(3, 7, bundle=reference, cuts={"pinned": "vision.99"}))
    shadow.check(base(), bundle)
    with pytest.raises(ImpossibleWish, match=r"vision.99"):
        shadow.check(base(), newer)
