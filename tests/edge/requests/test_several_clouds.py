"""A device with several clouds: each is known by itself, and one stands in for another."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from edge import config
from edge.link.client import CloudClient
from edge.link.endpoint import Endpoint
from edge.link.link import Link
from edge.policy.explain import verdicts
from edge.requests.answer import Answer
from edge.requests.opening import open_orchestrator
from edge.requests.orchestrator import Orchestrator
from edge.testing.scripted_cloud import Script, ScriptedCloud, falls_silent, refuses, says, serving
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.profile import DeviceProfile
from protos.errors import CloudError, RequestError
from splitter.nano.scenes import picture

QUESTION = "describe the image"
PICTURE = picture(77).image
REMOTE = Rules(allow_local=False)


class Clouds:
    """A near one, which is asked first, and a far one."""

    def __init__(self, bundle: Bundle, opened: ExitStack, near: Script, far: Script) -> None:
        self._near = opened.enter_context(ExitStack())
        self.near: ScriptedCloud = self._near.enter_context(serving(near))
        self.far: ScriptedCloud = opened.enter_context(serving(far))
        self.links = {"near": Link(bundle, jitter=lambda: 1.0), "far": Link(bundle, jitter=lambda: 1.0)}
        for name, round_trip_ms in (("near", 1.0), ("far", 300.0)):
            for _ in range(5):
                self.links[name].observe_transfer(1000, round_trip_ms, 0.0)
        endpoints = [
            Endpoint(opened.enter_context(CloudClient(cloud.address)), self.links[name], name)
            for name, cloud in (("near", self.near), ("far", self.far))
        ]
        profile = DeviceProfile.from_bundle(bundle)
        self.device = Orchestrator(bundle, endpoints, profile, clock=lambda: 1.0, network_seconds=5.0)

    def kill_near(self) -> None:
        self._near.close()


@contextmanager
def clouds(bundle: Bundle, near: Script, far: Script) -> Iterator[Clouds]:
    with ExitStack() as opened:
        yield Clouds(bundle, opened, near, far)


def uploads_near(answer: Answer) -> set[str]:
    """Why the near cloud was not sent a picture."""
    told = verdicts(answer.decision).items()
    return {why for name, why in told if name.startswith("upload@") and name.endswith(" via near")}


def test_another_cloud_answers_where_one_has_died(bundle: Bundle) -> None:
    with clouds(bundle, says("near"), says("far")) as both:
        first = both.device.answer(PICTURE, QUESTION, REMOTE)
        both.kill_near()
        second = both.device.answer(PICTURE, QUESTION, REMOTE)
        third = both.device.answer(PICTURE, QUESTION, REMOTE)
    assert [one.text for one in (first, second, third)] == ["near", "far", "far"]
    assert first.route.endswith(" via near")
    assert second.route == second.decision.chosen.name
    assert second.route.endswith(" via far")
    assert second.fallback
    assert both.near.address in second.fallback
    assert third.fallback is None
    assert third.decision.outage == ""
    assert uploads_near(third) == {"cloud unreachable, next try in 1 s"}


def test_words_of_a_cloud_that_dies_are_void_where_another_answers(bundle: Bundle) -> None:
    told: list[str] = []
    with clouds(bundle, refuses(grpc.StatusCode.UNAVAILABLE, "killed", "half "), says("a cat")) as both:
        answer = both.device.answer(
            PICTURE, QUESTION, REMOTE, on_text=told.append, on_restart=lambda _: told.clear()
        )
    assert told == ["a cat"]
    assert answer.text == "a cat"
    assert answer.bytes_up == sum(one.ByteSize() for one in both.near.requests + both.far.requests)


def test_a_cloud_that_serves_another_bundle_says_so_and_is_asked_once(bundle: Bundle) -> None:
    refusal = refuses(grpc.StatusCode.FAILED_PRECONDITION, "it serves 3fa9")
    with clouds(bundle, refusal, says("far")) as both:
        for _ in range(3):
            answer = both.device.answer(PICTURE, QUESTION, REMOTE)
            assert answer.text == "far"
    assert len(both.near.requests) == 1
    assert uploads_near(answer) == {"cloud serves another bundle, next try in 60 s"}


def test_a_cloud_that_is_silent_is_left_for_another_within_the_request(bundle: Bundle) -> None:
    with clouds(bundle, falls_silent(), says("far")) as both:
        assert both.device.answer(PICTURE, QUESTION, REMOTE).text == "far"


def test_where_all_have_failed_it_is_the_last_error_or_the_devices_own_answer(bundle: Bundle) -> None:
    down = refuses(grpc.StatusCode.UNAVAILABLE, "draining")
    with clouds(bundle, down, down) as both:
        with pytest.raises(CloudError, match=both.far.address):
            both.device.answer(PICTURE, QUESTION, REMOTE)
        answer = both.device.answer(PICTURE, QUESTION)
    assert answer.route == "local"
    assert answer.decision.outage.startswith("near: cloud unreachable")


def test_each_link_learns_from_its_own_calls(bundle: Bundle) -> None:
    with clouds(bundle, says("near"), says("far")) as both:
        before = both.device.links()
        both.device.answer(PICTURE, QUESTION, REMOTE)
        after = both.device.links()
    assert after["far"].states.mean_ms(1000) == before["far"].states.mean_ms(1000)
    assert after["near"].states.mean_ms(1000) != before["near"].states.mean_ms(1000)


def test_two_clouds_of_one_name_are_refused(bundle: Bundle) -> None:
    with CloudClient("127.0.0.1:1") as client, pytest.raises(RequestError, match="'eu'"):
        Orchestrator(bundle, 2 * [Endpoint(client, Link(bundle), "eu")], DeviceProfile.from_bundle(bundle))


def test_what_is_learned_is_kept_for_each(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    with serving(says("a")) as one, serving(says("b")) as two:
        named = {"one": one.address, "two": two.address}
        with open_orchestrator(bundle, named) as device:
            assert set(device.links()) == {"one", "two"}
            device.answer(PICTURE, QUESTION, REMOTE)
        with open_orchestrator(bundle, {"one": one.address}) as device:
            assert " via " not in device.answer(PICTURE, QUESTION, REMOTE).route
    files = [config.link_file(address) for address in named.values()]
    assert all(file and file.exists() for file in files)
