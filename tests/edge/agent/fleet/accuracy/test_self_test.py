"""The bundle's held-out pictures, by the device alone and through a cloud."""

import grpc
import pytest

from edge.agent.fleet.accuracy.self_test import SelfTest, forcing
from edge.link.client import CloudClient
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Script, refuses, says, serving
from protos import fleet_pb2 as pb
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, RequestError, UnknownName
from protos.held_out import read_held_out

CUTS = ["split@vision.2", "split@vision.4", "split@connector"]
OVER: list[float] = []


async def examined(bundle: Bundle, script: Script, *routes: str, pictures: int = 0) -> list[pb.RouteAccuracy]:
    """With a cloud that says the same whatever it is asked."""
    with serving(script) as cloud, CloudClient(cloud.address) as client:
        device = Orchestrator(bundle, client, DeviceProfile.from_bundle(bundle))
        test = SelfTest(device, read_held_out(bundle))
        OVER.clear()
        return await test.run(forcing(routes, Rules(), bundle, remote=True), pictures, OVER.append)


async def test_the_accuracy_of_each_route_is_over_the_answers_that_came_by_it(bundle: Bundle) -> None:
    pictures = read_held_out(bundle).pictures
    local, cut = await examined(bundle, says(pictures[0].answer), "local", "split@vision.2")
    assert (local.route, local.pictures, local.failed) == ("local", len(pictures), 0)
    assert local.right > len(pictures) / 2
    same = sum(picture.answer == pictures[0].answer for picture in pictures)
    assert (cut.route, cut.pictures, cut.right, cut.failed) == ("split@vision.2", len(pictures), same, 0)
    assert sorted(OVER) == OVER
    assert 0 <= OVER[0] < OVER[-1] < 1


async def test_a_route_that_does_not_answer_is_given_up_and_the_device_stands_in_for_none(
    bundle: Bundle,
) -> None:
    away = refuses(grpc.StatusCode.INTERNAL, "not today")
    local, cut = await examined(bundle, away, "local", "split@vision.4", pictures=5)
    assert (local.pictures, local.failed) == (5, 0)
    assert (cut.pictures, cut.failed, cut.right) == (3, 3, 0)
    with pytest.raises(CloudError, match="not today"):
        await examined(bundle, away, "split@vision.4")


def test_by_itself_it_takes_the_local_answer_and_the_cuts_that_the_rules_allow(bundle: Bundle) -> None:
    def usual(*, remote: bool = True, **rules: object) -> list[str]:
        return list(forcing((), Rules(**rules), bundle, remote=remote))  # type: ignore[arg-type]

    assert usual() == ["local", *CUTS]
    assert usual(cuts=("vision.4",), allow_local=False, deadline_ms=1.0) == ["split@vision.4"]
    assert usual(never_leave_device=True) == usual(remote=False) == ["local"]
    with pytest.raises(RequestError, match="neither"):
        usual(remote=False, allow_local=False)


def test_a_route_that_the_rules_forbid_or_that_is_none_is_refused(bundle: Bundle) -> None:
    with pytest.raises(RequestError, match=r"may not answer by split@vision\.4"):
        forcing(["split@vision.4"], Rules(cuts=("vision.2",)), bundle, remote=True)
    with pytest.raises(UnknownName, match="post"):
        forcing(["post"], Rules(), bundle, remote=True)
