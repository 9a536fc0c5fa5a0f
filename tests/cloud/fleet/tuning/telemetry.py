"""The same as messages: a device's birth and windows, as it tells them."""

from collections.abc import Sequence

import numpy as np

from cloud.fleet.broker.reading import Arrived
from protos import fleet_pb2 as pb
from protos.fleet.sketch import ValueSketch
from tests.cloud.fleet.telling import arrived
from tests.cloud.fleet.tuning.generated import BUNDLE, Machine, device_of

STAGES = {"preprocess": 20.0, "head": 62.0, "encode": 0.1, "network": 44.0, "tail": 1.0, "generate": 50.0}


def messages(one: Machine, hours: Sequence[float], digest: str = BUNDLE.digest) -> list[Arrived]:
    """A birth, what it reports, and a window in each of these hours."""
    times = device_of(one).times
    device = pb.Device(machine=one.kind, bundle=digest)
    device.times.pieces.update(times.pieces)
    device.times.encode.update(times.encode)
    device.times.prefill, device.times.token = times.prefill, times.token
    born = pb.DeviceState(connection=pb.DeviceState.ONLINE, session=1, device=device)
    found = [arrived(one.name, born), arrived(one.name, pb.Reported(session=1))]
    return found + [
        arrived(one.name, window(one, sequence, digest), at) for sequence, at in enumerate(hours, start=1)
    ]


def window(one: Machine, sequence: int, digest: str, count: int = 20) -> pb.Telemetry:
    """Of answers by a split at the connector."""
    random = np.random.default_rng(sequence)
    total = sum(STAGES.values()) * one.slow * np.exp(0.1 * random.standard_normal(count))
    times, surprise = ValueSketch(), ValueSketch()
    times.add(*total)
    surprise.add(*(total / total.mean()))
    told = pb.Telemetry(session=1, sequence=sequence, milliseconds=30_000, bundle=digest)
    for stage, taken in (STAGES | {"total": float(total.mean())}).items():
        told.stages[stage].CopyFrom(pb.Sketch(sum=count * taken))
    told.arms.add(
        route="split",
        cut="connector",
        codec="int8-zstd",
        status="OK",
        count=count,
        bytes_up=1_092 * count,
        milliseconds=times.message(),
        surprise=surprise.message(),
    )
    told.links.add(
        round_trip_milliseconds=one.round_trip, uplink_bits_per_second=one.uplink * 1e6, uplink_doubt=0.1
    )
    return told
