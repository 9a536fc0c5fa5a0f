"""What a simulated device answers in a window of time: which way, how long, how many bytes and joules."""

from collections.abc import Sequence

import numpy as np

from cloud.fleet.simulation.bundles import SimulatedArm, SimulatedBundle
from cloud.fleet.simulation.classes import SimulatedMachine
from cloud.fleet.simulation.harms import Harm, together
from cloud.fleet.simulation.links import LinkNow, Milliseconds, Uplink
from protos import fleet_pb2 as pb
from protos.arms.arm import Situation
from protos.arms.rules import Rules
from protos.costs.cost import BITS_PER_BYTE_MS
from protos.costs.estimates import LinkEstimate
from protos.costs.power import MODEL
from protos.fleet.sketch import ValueSketch

_NOISE = 0.08  # standard deviation of the logarithm of every part's time
_COMPARED = 0.05  # of the answers
_DAY_SECONDS, _DAY_SWING = 86_400.0, 0.3
_MAX_ANSWERS = 2000  # of a window


class SimulatedAnswers:
    """Of one device. `rate`: answers a second; `failures`: part of them that fail, whatever is changed."""

    def __init__(
        self,
        bundle: SimulatedBundle,
        kind: SimulatedMachine,
        link: Uplink,
        rng: np.random.Generator,
        *,
        rate: float,
        failures: float,
        harms: Sequence[Harm],
    ) -> None:
        self._bundle, self._kind, self._link, self._rng = bundle, kind, link, rng
        self._rate = rate * rng.lognormal(0, 0.3)
        self._failures, self._harms = failures, harms
        self.slowness = kind.slowness * rng.lognormal(0, 0.1)
        self._silent_lot = rng.random()

    @property
    def rng(self) -> np.random.Generator:
        return self._rng

    def silent(self, settings: pb.FleetSettings) -> bool:
        """Whether the settings have it tell nothing any more."""
        arm = self.chosen(settings, self._link.now(0.0)).arm
        return self._silent_lot < self._harm(arm.kind, arm.cut, arm.coding).silent

    def chosen(self, settings: pb.FleetSettings, link: LinkNow) -> SimulatedArm:
        """The arm that takes least, by the operator's weights, of those that the rules allow; where they
        leave none, the device answers.
        """
        rules = _rules(settings)
        situation = Situation(rules, LinkEstimate.steady(*link))
        allowed = [one for one in self._bundle.arms if not one.arm.forbidden(situation)]
        if settings.cuts.pinned and (split := [one for one in allowed if one.arm.cut]):
            allowed = split
        if not allowed:
            allowed = [one for one in self._bundle.arms if not one.arm.remote] or self._bundle.arms
        priced = [(self._price(one, settings, link), one) for one in allowed]
        in_time = [one for one in priced if one[0][0] <= (rules.deadline_ms or np.inf)]
        return min(in_time or priced, key=lambda one: one[0][1])[1]

    def window(self, settings: pb.FleetSettings, at: float, seconds: float) -> pb.Telemetry:
        """What is told of a window that begins at `at`, without who tells it."""
        self._link.next_window()
        link = self._link.now(at)
        told = pb.Telemetry(milliseconds=round(1000 * seconds), energy_source="simulated")
        told.start.FromMilliseconds(int(1000 * at))
        told.links.add(
            round_trip_milliseconds=link.round_trip_ms,
            uplink_bits_per_second=link.bits_a_second,
            uplink_doubt=0.2,
        )
        told.temperature, told.memory_bytes = 45 + 3 * self._rng.normal(), 200 << 20
        if asked := self._asked(at, seconds):
            self._answer(told, self.chosen(settings, link), link, at + seconds * self._rng.random(asked))
        return told

    def accuracies(self, pictures: int) -> list[pb.RouteAccuracy]:
        """A self-test's."""
        found = []
        for one in self._bundle.arms:
            harm = self._harm(one.arm.kind, one.arm.cut, one.arm.coding)
            share = np.clip(one.arm.accuracy / 100 - harm.agreed, 0, 1)
            right = int(self._rng.binomial(pictures, share))
            found.append(pb.RouteAccuracy(route=one.arm.name, pictures=pictures, right=right))
        return found

    def _asked(self, at: float, seconds: float) -> int:
        swing = 1 + _DAY_SWING * np.sin(2 * np.pi * at / _DAY_SECONDS)
        return min(int(self._rng.poisson(self._rate * swing * seconds)), _MAX_ANSWERS)

    def _answer(self, told: pb.Telemetry, one: SimulatedArm, link: LinkNow, begun: Milliseconds) -> None:
        arm, rng = one.arm, self._rng
        harm = self._harm(arm.kind, arm.cut, arm.coding)
        failing = rng.random(len(begun)) < self._failures + harm.errors
        if failed := int(failing.sum()):
            told.arms.add(status="UNAVAILABLE", count=failed)
        begun = begun[~failing]
        if not (count := len(begun)):
            return
        sent = one.cost.bytes_up * (1 + harm.bytes) * np.exp(rng.normal(0, _NOISE))
        stages = self._stages(one, begun, sent)
        total = sum(stages.values(), np.zeros(count)) * (1 + harm.p95)
        predicted, _ = self._price(one, pb.FleetSettings(), link)
        joules = MODEL.joules(self.slowness * one.device, one.elsewhere, sent, remote=arm.remote)
        compared = int(rng.binomial(count, _COMPARED))
        agreed = np.clip(arm.accuracy / 100 - harm.agreed, 0, 1)
        told.arms.add(
            route=arm.kind,
            cut=arm.cut,
            codec=arm.coding,
            status="OK",
            count=count,
            bytes_up=int(count * sent) if arm.remote else 0,
            joules=count * joules * (1 + harm.joules),
            milliseconds=_sketch(total),
            surprise=_sketch(total / predicted),
            compared=compared,
            agreed=int(rng.binomial(compared, agreed)),
        )
        for name, taken in (*stages.items(), ("total", total)):
            told.stages[name].CopyFrom(_sketch(taken))

    def _stages(self, one: SimulatedArm, begun: Milliseconds, sent: float) -> dict[str, Milliseconds]:
        """What each answer took, stage by stage, by the names of edge/requests/trace.py."""
        cost, slow = one.cost, self.slowness
        parts = {"head": slow * cost.head, "encode": slow * cost.encode, "tail": cost.entry}
        parts["generate"] = cost.generate if one.arm.remote else slow * cost.generate
        found = {
            name: ms * self._rng.lognormal(0, _NOISE, len(begun)) for name, ms in parts.items() if ms > 0
        }
        if one.arm.remote:
            found["network"] = self._link.takes(begun, sent)
        return found

    def _price(self, one: SimulatedArm, settings: pb.FleetSettings, link: LinkNow) -> tuple[float, float]:
        """What is expected of an arm: milliseconds, and what these and all else are worth."""
        arm, weights = one.arm, settings.weights
        taken = self.slowness * one.device + one.elsewhere
        if arm.remote:
            taken += link.round_trip_ms + BITS_PER_BYTE_MS * one.cost.bytes_up / link.bits_a_second
        joules = MODEL.joules(self.slowness * one.device, 0.0, one.cost.bytes_up, remote=arm.remote)
        beside = weights.kilobyte * one.cost.bytes_up / 1000 + weights.joule * joules
        return taken, taken + beside + weights.accuracy * arm.loss

    def _harm(self, route: str, cut: str, codec: str) -> Harm:
        return together([one for one in self._harms if one.meets(route, cut, codec, self._kind.machine)])


def _rules(settings: pb.FleetSettings) -> Rules:
    """What of the settings forbids a way to answer."""
    cuts, rules = settings.cuts, settings.rules
    return Rules(
        deadline_ms=rules.deadline_milliseconds or None,
        never_upload=rules.never_upload,
        never_leave_device=rules.never_leave_device,
        allow_local=rules.local or not rules.HasField("local"),
        max_loss=rules.max_loss if rules.HasField("max_loss") else None,
        cuts=(cuts.pinned,) if cuts.pinned else tuple(cuts.allowed),
        codec=cuts.codec,
    )


def _sketch(values: Milliseconds) -> pb.Sketch:
    sketch = ValueSketch()
    sketch.add(*values)
    return sketch.message()
