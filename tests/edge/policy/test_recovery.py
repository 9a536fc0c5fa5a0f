"""What a device goes through in a day, by a clock that the tests turn: nothing is believed for ever, and what
is best is found again within twenty requests of a change.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge.costs.device_times import PIXELS, PREFILL, TOKEN, DeviceTimes
from edge.link.link import Link
from edge.policy.decision import Decision, Request
from edge.policy.router import Failure, Router
from protos import inference_pb2 as pb
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.cost import BITS_PER_BYTE_MS, Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import CloudError
from tests.edge.policy.test_policy import DEVICE, MANIFEST, measured

SOON = 20  # requests
TOKENS = 4
FAST = Weights(accuracy_point=0.0)
ANYTHING = Rules()
PROFILE = replace(DEVICE, encode_ms={**DEVICE.encode_ms, "connector/int8-zstd": 1.0}, pixels_ms=2.0)
MEASURED = measured()
MEASURED.cloud_cost.vision_milliseconds = 50
MEASURED.cloud_cost.prefill_milliseconds = 10
MEASURED.cloud_cost.token_milliseconds = 5
MEASURED.cuts["vision.2"].cloud_milliseconds = 40
MEASURED.cuts["connector"].cloud_milliseconds = 1
BUNDLE = Bundle(Path(), MANIFEST, "d")
BUNDLE._measured = (MEASURED, "")


@dataclass
class World:
    """What really is: how much slower device and cloud are than they were measured, and the link."""

    device: float = 1.0
    cloud: float = 1.0
    uplink: float = 10e6
    round_trip_ms: float = 20.0
    up: bool = True
    rules: Rules = ANYTHING
    now: float = 0.0

    def __post_init__(self) -> None:
        link = Link(BUNDLE, jitter=lambda: 0.5)
        self.router = Router(MANIFEST, MEASURED, DeviceTimes(PROFILE), link)

    def ask(self, times: int, every: float = 2.0) -> list[str]:
        """So many requests; the arms that were taken, but for trials."""
        decisions = []
        for _ in range(times):
            self.now += every
            decision = self.router.decide(Request(self.rules, weights=FAST, tokens=TOKENS), self.now)
            self._answer(decision)
            decisions.append(decision)
        return [decision.arm.name for decision in decisions if not decision.trial]

    def regret(self, taken: list[str]) -> float:
        """How many times as long as by the best arm they really take now, on average."""
        arms = arms_of(MANIFEST, MEASURED)
        allowed = {arm.name: self._total(arm) for arm in arms if self.rules.allow_local or arm.remote}
        return sum(allowed[name] for name in taken) / len(taken) / min(allowed.values())

    def _answer(self, decision: Decision) -> None:
        arm = decision.arm
        self.router.learn_device(self._parts(arm), self.now)
        if not arm.remote:
            self.router.learn_local(TOKENS)
        elif self.up:
            cost, cloud = self._cost(arm), self._cloud()
            generate = TOKENS * cloud.token_ms
            stages = pb.Stages(tail=cost.entry, first_token=cloud.prefill_ms, generate=generate)
            done = pb.Done(reason=pb.Done.STOP, tokens=TOKENS, stages=stages)
            self.router.learn(decision, cost.bytes_up, self._network(cost), done, self.now)
        else:
            self.router.learn_failure(decision, Failure(CloudError("nobody there"), 0, 50.0), self.now)

    def _total(self, arm: Arm) -> float:
        cost = self._cost(arm)
        return cost.beside_network + self._network(cost)

    def _cost(self, arm: Arm) -> Cost:
        return arm.cost(self._profile(), self._cloud(), Workload(TOKENS))

    def _network(self, cost: Cost) -> float:
        return self.round_trip_ms + BITS_PER_BYTE_MS * cost.bytes_up / self.uplink if cost.bytes_up else 0.0

    def _profile(self) -> DeviceProfile:
        return replace(
            PROFILE,
            pieces={name: self.device * ms for name, ms in PROFILE.pieces.items()},
            encode_ms={name: self.device * ms for name, ms in PROFILE.encode_ms.items()},
            pixels_ms=self.device * PROFILE.pixels_ms,
            prefill_ms=self.device * PROFILE.prefill_ms,
            token_ms=self.device * PROFILE.token_ms,
        )

    def _cloud(self) -> CloudEstimate:
        guess = CloudEstimate.from_measurements(MEASURED)
        entry = {cut: self.cloud * ms for cut, ms in guess.entry_ms.items()}
        return CloudEstimate(entry, self.cloud * guess.prefill_ms, self.cloud * guess.token_ms)

    def _parts(self, arm: Arm) -> dict[str, float]:
        """What the device sees of its own parts."""
        profile = self._profile()
        coder = "/".join(part for part in (arm.cut, arm.coding) if part)
        parts = {coder: profile.encode_ms[coder]} if coder in profile.encode_ms else {}
        if arm.kind == "upload":
            return parts
        names = list(profile.pieces)
        reached = names[: names.index(arm.cut) + 1] if arm.remote else names
        parts |= {PIXELS: profile.pixels_ms} | {name: profile.pieces[name] for name in reached}
        return parts if arm.remote else parts | {PREFILL: profile.prefill_ms, TOKEN: profile.token_ms}


@pytest.mark.parametrize("round_trip_ms", [10.0, 100.0])
@pytest.mark.parametrize("uplink", [60e3, 1e6, 100e6])
def test_a_steady_link_is_found_out(uplink: float, round_trip_ms: float) -> None:
    world = World(uplink=uplink, round_trip_ms=round_trip_ms, rules=Rules(allow_local=False))
    world.ask(SOON)
    assert world.regret(world.ask(100)) < 1.1


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_a_cloud_of_another_speed_than_was_guessed_is_found_out(factor: float) -> None:
    world = World(cloud=factor)
    world.ask(SOON)
    assert world.regret(world.ask(100)) < 1.1


@pytest.mark.parametrize("factor", [0.1, 16.0])
def test_a_device_of_another_speed_than_was_guessed_is_found_out(factor: float) -> None:
    world = World(device=factor)
    world.ask(SOON)
    assert world.regret(world.ask(100)) < 1.1


@pytest.mark.parametrize(
    "trouble",
    [{"cloud": 20.0}, {"device": 8.0}, {"round_trip_ms": 1000.0}, {"uplink": 16e3}, {"up": False}],
    ids=lambda trouble: next(iter(trouble)),
)
@pytest.mark.parametrize("every", [0.5, 5.0])  # seconds; the device alone keeps up with either
def test_trouble_is_seen_and_its_end_too(trouble: dict[str, float], every: float) -> None:
    world = World()
    world.ask(200, every)
    for name, value in trouble.items():
        setattr(world, name, value)
    world.ask(SOON, every)
    taken = world.ask(100, every)
    assert world.regret(taken) < 1.5 if world.up else taken.count("local") > 80
    for name in trouble:
        setattr(world, name, getattr(World, name))
    world.ask(SOON if world.up else 2 * SOON, max(every, 3.0))
    assert world.regret(world.ask(50, every)) < 1.3


def test_one_slow_reply_out_of_hundreds_sends_no_device_home() -> None:
    world = World()
    usual = set(world.ask(300)[-100:])
    world.round_trip_ms = 5000.0
    world.ask(1)
    world.round_trip_ms = 20.0
    assert set(world.ask(SOON)) == usual
