"""The simulator held against reality: the first minute of a trace through the link emulator, with the real
client and service, and the same requests simulated.

The work of each request, on the device and in the cloud, is given the time that it truly took. What is left
to the simulator are link and queues, what the device learns, and what it decides.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.network.conditions import MEGABIT, Conditions, Steady
from bench.network.emulator import Link
from bench.rig.bundles import cheapest_upload
from bench.rig.cloud_process import CloudProcess
from bench.simulate.policies.isthmus import IsthmusPolicy
from bench.simulate.requests import Arrival
from bench.simulate.results import Checked
from bench.simulate.scenario import Scenario
from bench.simulate.simulation import Simulation
from edge.costs.measure import measure
from edge.link.client import CloudClient
from edge.pictures.resampling import Picture
from edge.requests.answer import Answer
from edge.requests.orchestrator import Orchestrator
from protos.arms.rules import AUTO, Rules
from protos.bundle import Bundle
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError
from protos.measurements import coding_of
from protos.traces import Trace

SECONDS = 60.0
_QUESTION = "what color is the circle?"
_DOWN = Steady(50 * MEGABIT)
_WARM_UP = 3
_DEVICE_STAGES = ("preprocess", "head", "encode")
_CLOUD_STAGES = ("decode", "queue", "tail", "first_token", "generate")


@dataclass(frozen=True)
class _Asked:
    """A request as it was played: seconds from the link's start, when it was due and when it was answered."""

    due: float
    end: float
    answer: Answer


def check(
    bundle: Bundle,
    trace: Trace,
    rate: float,
    round_trip: float,
    advance: Callable[[str], None],
    seconds: float = SECONDS,
) -> list[Checked]:
    """Play and simulate the device's own choice, and an upload forced. Raises CloudError, RequestError for a
    bundle that compares with labels.
    """
    if bundle.manifest.HasField("matching"):
        raise RequestError("the check asks questions; name a bundle that answers them")
    upload = cheapest_upload(bundle.measurements, ("jpeg", "webp"))
    profile = measure(bundle, seconds=3.0)
    routes = (AUTO, f"upload@{coding_of(upload)}")
    with CloudProcess(bundle.path) as cloud:
        checked = []
        for route in routes:
            rules = Rules(route=route, allow_local=False)
            conditions = Conditions(up=trace, down=_DOWN, round_trip=round_trip)
            asked = _play(bundle, profile, cloud.address, conditions, rules, rate, seconds)
            checked.append(_compare(bundle, profile, trace, round_trip, rules, asked))
            advance(route)
    return checked


def _play(
    bundle: Bundle,
    profile: DeviceProfile,
    address: str,
    conditions: Conditions,
    rules: Rules,
    rate: float,
    seconds: float,
) -> list[_Asked]:
    """Ask at equal distances, one at a time; a request that is due while another is under way waits."""
    with CloudClient(address) as client:  # the service is warmed up beside the link
        for number in range(_WARM_UP):
            Orchestrator(bundle, client, profile).answer(_picture(number), _QUESTION, rules)
    with Link(address, conditions) as link, CloudClient(link.address) as client:
        started = time.monotonic()
        orchestrator = Orchestrator(bundle, client, profile)
        orchestrator.prepare()
        client.connect()
        first = time.monotonic() - started + 2 * conditions.round_trip + 0.5
        asked = []
        for number in range(round(rate * seconds)):
            due = first + number / rate
            picture = _picture(number)
            time.sleep(max(started + due - time.monotonic(), 0.0))
            answer = orchestrator.answer(picture, _QUESTION, rules)
            asked.append(_Asked(due, time.monotonic() - started, answer))
        return asked


def _compare(
    bundle: Bundle,
    profile: DeviceProfile,
    trace: Trace,
    round_trip: float,
    rules: Rules,
    asked: Sequence[_Asked],
) -> Checked:
    scenario = Scenario(
        bundle=bundle,
        device=profile,
        cloud=CloudEstimate.from_measurements(bundle.measurements),
        rate=trace,
        mean_rate=trace.rate,
        round_trip=round_trip,
        in_flight=1,
        rules=rules,
    )
    arrivals = [_arrival(scenario, number, one) for number, one in enumerate(asked)]
    simulated = [served.total_ms for served in Simulation(scenario, IsthmusPolicy(scenario)).run(arrivals)]
    played = [1000 * (one.end - one.due) for one in asked]
    return Checked(
        rules.route,
        len(asked),
        statistics.fmean(played),
        statistics.fmean(simulated),
        statistics.median(played),
        statistics.median(simulated),
    )


def _arrival(scenario: Scenario, number: int, asked: _Asked) -> Arrival:
    """The request, with the times that its work took."""
    answer, stages = asked.answer, asked.answer.stages
    tokens = max(answer.tokens, 1)
    cost = scenario.cost(answer.decision.arm, tokens)
    here = sum(stages.get(name, 0.0) for name in _DEVICE_STAGES)
    there = sum(stages[name] for name in _CLOUD_STAGES)
    usual = scenario.device.preprocess_ms + cost.head + cost.encode
    return Arrival(number, asked.due, tokens, here / usual, there / (cost.entry + cost.generate))


def _picture(number: int) -> Picture:
    """Something like a photo of 1280 x 960, which is what preparing one is measured on."""
    coarse = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (1280, 960), interpolation=cv2.INTER_CUBIC), np.uint8)
