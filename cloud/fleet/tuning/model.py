"""The cost model over a fleet: `protos/costs`, with an array for each part of a device, an entry a device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np

from cloud.fleet.tuning.devices import TunedDevice, bounded_ms
from cloud.fleet.tuning.observed import Values
from protos import bundle_pb2 as pb
from protos.arms import arms_of
from protos.arms.arm import Arm, Situation
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.cost import Cost, usual_workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.fleet.arms import ToldArm


class KnownBundle(NamedTuple):
    """What the controller was given of a bundle."""

    digest: str
    manifest: pb.Manifest
    measured: pb.Measurements


def known_bundle(bundle: Bundle) -> KnownBundle:
    """Raises BundleDamaged for one that brings no measurements: what is assumed of it recommends nothing."""
    bundle.check_measured()
    return KnownBundle(bundle.digest, bundle.manifest, bundle.measurements)


@dataclass(frozen=True, eq=False)
class ArmCost:
    """What an arm takes on each device, before anything is learned of the devices. Milliseconds; what the
    cloud takes is a mean over answers that ask it and others.
    """

    arm: Arm
    cost: Cost
    vision: Values  # head and encoding, here
    answer: Values  # the device's own
    entry: Values
    generate: Values  # in the cloud
    asked: float  # share of answers that ask the cloud
    empty_bytes: float  # a request beside its payload
    payload_bytes: float
    possible: np.ndarray[Any, np.dtype[np.bool_]]  # whether the device has what it takes

    @property
    def told(self) -> ToldArm:
        return ToldArm.of(self.arm.name)

    def bytes_up(self, sizes: Values | float) -> Values:
        """Of a request that is sent, where payloads are `sizes` times those of the report's pictures."""
        return np.asarray(self.empty_bytes + sizes * self.payload_bytes)


def arm_costs(
    bundle: KnownBundle, devices: Sequence[TunedDevice], speeds: Values | None = None
) -> list[ArmCost]:
    """Of every arm that the bundle offers, in the order of tables. `speeds`: of a bundle that the devices do
    not have yet: what they take, in what the machine that split takes.
    """
    profile = _profile(bundle, devices) if speeds is None else _expected_profile(bundle, speeds)
    cloud = CloudEstimate.from_measurements(bundle.measured)
    workload = usual_workload(bundle.manifest, bundle.measured)
    empty = workload.request_bytes(0)
    count = len(devices)
    found = []
    for arm in arms_of(bundle.manifest, bundle.measured):
        cost = arm.cost(profile, cloud, workload)
        own = arm.device_ms(cost) - cost.local
        alone = cost.generate if not arm.remote else 0.0
        sends = cost.bytes_up > 0
        found.append(
            ArmCost(
                arm=arm,
                cost=cost,
                vision=_each(own - alone, count),
                answer=_each(cost.local + alone, count),
                entry=_each(cost.asked * cost.entry, count),
                generate=_each(cost.asked * cost.generate if arm.remote else 0.0, count),
                asked=cost.asked if sends else 0.0,
                empty_bytes=float(empty if sends else 0),
                payload_bytes=float(cost.bytes_up - empty if sends else 0),
                possible=np.array([_has(device, arm, fresh=speeds is not None) for device in devices], bool),
            )
        )
    return found


def arms_told(bundle: KnownBundle) -> list[ToldArm]:
    """As telemetry names them."""
    return [ToldArm.of(arm.name) for arm in arms_of(bundle.manifest, bundle.measured)]


def allowed(arm: Arm, rules: Rules) -> bool:
    """Whether rules, other than the deadline, allow it."""
    return not arm.forbidden(Situation(rules, None))


def _has(device: TunedDevice, arm: Arm, *, fresh: bool) -> bool:
    """An arm with a cut needs that and its codec, which a fresh bundle brings; an upload an encoder of its
    format.
    """
    if arm.cut:
        return fresh or not device.held or f"{arm.cut}/{arm.coding}" in device.held
    return not arm.coding or arm.coding in device.times.encode


def _profile(bundle: KnownBundle, devices: Sequence[TunedDevice]) -> DeviceProfile:
    """One whose times are arrays. What a device does not tell takes what it took the machine that split."""
    guess = DeviceProfile.from_measurements(bundle.manifest, bundle.measured)

    def each(told: str, name: str, default: float) -> Values:
        tables: list[Mapping[str, float]] = [getattr(device.times, told) for device in devices]
        return np.array([bounded_ms(table.get(name, default)) for table in tables])

    def one(name: str) -> Values:
        return np.array([bounded_ms(getattr(device.times, name)) for device in devices])

    fields = {
        "pieces": {cut: each("pieces", cut, ms) for cut, ms in guess.pieces.items()},
        "encode_ms": {name: each("encode", name, ms) for name, ms in guess.encode_ms.items()},
        "prefill_ms": one("prefill"),
        "token_ms": one("token"),
        "preprocess_ms": one("preprocess"),
        "pixels_ms": one("pixels"),
    }
    return replace(guess, **cast("Any", fields))


def _expected_profile(bundle: KnownBundle, speeds: Values) -> DeviceProfile:
    guess = DeviceProfile.from_measurements(bundle.manifest, bundle.measured)
    fields = {
        "pieces": {cut: speeds * ms for cut, ms in guess.pieces.items()},
        "encode_ms": {name: speeds * ms for name, ms in guess.encode_ms.items()},
        **{name: speeds * getattr(guess, name) for name in ("prefill_ms", "token_ms", "pixels_ms")},
    }
    return replace(guess, **cast("Any", fields))


def speeds_of(bundle: KnownBundle, devices: Sequence[TunedDevice]) -> Values:
    """What the pieces of a bundle take on each device, in what they take on the machine that split it."""
    guess = DeviceProfile.from_measurements(bundle.manifest, bundle.measured)
    told = _profile(bundle, devices)
    whole = max(sum(guess.pieces.values()), 1e-6)
    found = sum(told.pieces.values(), np.zeros(len(devices))) / whole
    return np.where(found > 0, found, 1.0)


def _each(value: Any, count: int) -> Values:
    return np.asarray(np.broadcast_to(np.asarray(value, float), count))
