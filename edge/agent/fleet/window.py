"""What was answered in a window of time, added up: never what. Pure."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from edge.agent.observing.standing_answer import StandingAnswer
from protos import fleet_pb2 as pb
from protos.costs.estimates import LinkEstimate
from protos.errors import TooLarge
from protos.fleet.arms import ToldArm
from protos.fleet.messages import to_json
from protos.fleet.sketch import ValueSketch

OK = "OK"
_MAX_ARMS, _MAX_STAGES = 64, 32  # what is more is counted as `other`
_FEW_ARMS = (12, 4)  # that keep their quantiles where a message would be too large
_OTHER = "other"


class ArmKey(NamedTuple):
    """By what answers are told apart; all empty but the status where none came."""

    route: str = ""
    cut: str = ""
    codec: str = ""
    cloud: str = ""
    status: str = OK

    @classmethod
    def of(cls, seen: StandingAnswer) -> "ArmKey":
        """Of an answer: the way that its text came by."""
        told, cloud = ToldArm.of(seen.answer.route), seen.answer.decision.chosen.cloud_name
        return cls(*told, cloud if told.route != "local" else "")


@dataclass
class _ArmCounts:
    count: int = 0
    bytes_up: int = 0
    joules: float = 0.0
    milliseconds: ValueSketch = field(default_factory=ValueSketch)
    surprise: ValueSketch = field(default_factory=ValueSketch)
    compared: int = 0
    agreed: int = 0


class Counts(NamedTuple):
    """Of the whole agent, since it began."""

    gated: int = 0
    dropped: int = 0
    failed: Mapping[str, int] = {}
    busy_seconds: float = 0.0


class Readings(NamedTuple):
    """As it is at the end of a window; None: not known."""

    temperature: float | None = None  # degrees Celsius
    battery: float | None = None  # percent
    memory_bytes: int = 0
    waiting: int = 0
    outbox_entries: int = 0
    outbox_bytes: int = 0


class Window:
    """From `start`, in seconds since 1970, by `counts` as they were then."""

    def __init__(self, start: float, counts: Counts) -> None:
        self.start, self._counts = start, counts
        self._arms, self._stages = dict[ArmKey, _ArmCounts](), dict[str, ValueSketch]()
        self._energy_source, self._compared_bytes = "", 0

    def add(self, seen: StandingAnswer) -> None:
        """An answer that was asked for."""
        if not seen.asked:
            return
        answer, arm = seen.answer, self._arm(ArmKey.of(seen))
        arm.count += 1
        arm.bytes_up += answer.bytes_up
        arm.joules += answer.joules if 0 <= answer.joules < math.inf else 0.0
        self._energy_source = answer.energy_source
        for stage, taken in answer.stages.items():
            if 0 <= taken < math.inf and (stage in self._stages or len(self._stages) < _MAX_STAGES):
                self._stages.setdefault(stage, ValueSketch()).add(taken)
        if 0 < (total := answer.stages.get("total", 0.0)) < math.inf:
            arm.milliseconds.add(total)
            predicted = answer.decision.chosen.total_ms
            if predicted > 0 and answer.fallback is None:
                arm.surprise.add(total / predicted)

    def compare(self, seen: StandingAnswer, *, agreed: bool, bytes_up: int) -> None:
        """An answer, perhaps of an earlier window, was held against the whole model's, for so many bytes."""
        arm = self._arm(ArmKey.of(seen))
        arm.compared += 1
        arm.agreed += agreed
        self._compared_bytes += bytes_up

    def message(
        self, end: float, counts: Counts, readings: Readings, links: Mapping[str, LinkEstimate]
    ) -> pb.Telemetry:
        """All of it, without who tells it."""
        found = pb.Telemetry(
            milliseconds=max(0, round(1000 * (end - self.start))),
            arms=[_arm(key, arm) for key, arm in self._arms.items()],
            stages={name: sketch.message() for name, sketch in self._stages.items()},
            links=[_link(name, link) for name, link in links.items()],
            energy_source=self._energy_source,
            compared_bytes=self._compared_bytes,
            gated=max(0, counts.gated - self._counts.gated),
            dropped=max(0, counts.dropped - self._counts.dropped),
            busy_seconds=max(0.0, counts.busy_seconds - self._counts.busy_seconds),
            **{name: value for name, value in readings._asdict().items() if value is not None},
        )
        for status, count in counts.failed.items():
            if (failed := count - self._counts.failed.get(status, 0)) > 0:
                found.arms.add(status=status, count=failed)
        found.start.FromMilliseconds(max(0, round(1000 * self.start)))
        return found

    def _arm(self, key: ArmKey) -> _ArmCounts:
        if key not in self._arms and len(self._arms) >= _MAX_ARMS:
            key = ArmKey(_OTHER)
        return self._arms.setdefault(key, _ArmCounts())


def told_window(window: pb.Telemetry) -> bytes:
    """As JSON. Where it is too large for a message, only the arms that answered most have quantiles."""
    ranked = sorted(window.arms, key=lambda arm: -arm.count)
    for kept in (len(ranked), *_FEW_ARMS):
        for arm in ranked[kept:]:
            arm.ClearField("milliseconds")
            arm.ClearField("surprise")
        with suppress(TooLarge):
            return to_json(window)
    window.ClearField("stages")
    return to_json(window)


def _arm(key: ArmKey, arm: _ArmCounts) -> pb.ArmWindow:
    return pb.ArmWindow(
        **key._asdict(),
        count=arm.count,
        bytes_up=arm.bytes_up,
        joules=arm.joules,
        milliseconds=arm.milliseconds.message(),
        surprise=arm.surprise.message(),
        compared=arm.compared,
        agreed=arm.agreed,
    )


def _link(name: str, link: LinkEstimate) -> pb.LinkWindow:
    states = link.states
    rates = 8000 / states.ms_a_byte.clip(1e-9)
    mean = float(states.probability @ rates)
    variance = float(states.probability @ (rates - mean) ** 2)
    return pb.LinkWindow(
        cloud=name,
        round_trip_milliseconds=float(states.probability @ states.round_trip_ms),
        uplink_bits_per_second=mean,
        uplink_doubt=variance**0.5 / mean,
        down=not link.up,
    )
