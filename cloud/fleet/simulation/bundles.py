"""What simulated devices run: a bundle's manifest and report, or stand-ins for these."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from protos import bundle_pb2, fleet_pb2
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.measurements import EXACT_MATCH, FORMAT
from protos.packed import bundle_at

_ROUTES = ("local", "split", "upload")
_DIGEST = "5ca1e" + 59 * "0"
_STAND_IN = (  # cut, milliseconds of its piece, of the cloud from there; codec, bytes, accuracy
    ("vision.4", 45.0, 90.0, (("int8-zstd", 52_000.0, 91.4), ("pca", 21_000.0, 90.6))),
    ("vision.8", 45.0, 55.0, (("int8-zstd", 47_000.0, 91.3), ("pca", 17_000.0, 90.8))),
    ("vision.12", 45.0, 20.0, (("int8-zstd", 43_000.0, 91.3), ("pca", 14_000.0, 90.9))),
    ("connector", 12.0, 4.0, (("int8-zstd", 24_000.0, 91.2), ("pca", 9_000.0, 90.9))),
)


class SimulatedArm(NamedTuple):
    """An arm, and what it takes on the machine that split. Milliseconds."""

    arm: Arm
    cost: Cost
    device: float  # of it, the device's own part
    elsewhere: float  # and the cloud's


class SimulatedBundle:
    """A bundle as devices and the cost model see it."""

    def __init__(self, digest: str, manifest: bundle_pb2.Manifest, measured: bundle_pb2.Measurements) -> None:
        self.digest, self._manifest, self._measured = digest, manifest, measured

    @classmethod
    def at(cls, path: Path | None) -> "SimulatedBundle":
        """That of a folder or a packed file; without one a stand-in. Raises BundleError."""
        if path is None:
            return cls(_DIGEST, *_stand_in())
        bundle = bundle_at(path)
        bundle.check_measured()
        return cls(bundle.digest, bundle.manifest, bundle.measurements)

    @cached_property
    def arms(self) -> list[SimulatedArm]:
        """The ways to answer that are simulated."""
        profile, cloud = self.profile, CloudEstimate.from_measurements(self._measured)
        workload = Workload(question_bytes=40)
        found = []
        for arm in arms_of(self._manifest, self._measured):
            if arm.kind in _ROUTES:
                cost = arm.cost(profile, cloud, workload)
                device = arm.device_ms(cost)
                found.append(SimulatedArm(arm, cost, device, cost.beside_network - device))
        return found

    @cached_property
    def profile(self) -> DeviceProfile:
        return DeviceProfile.from_measurements(self._manifest, self._measured)

    @cached_property
    def held_cuts(self) -> list[fleet_pb2.HeldCut]:
        return [
            fleet_pb2.HeldCut(name=cut.name, codecs=[codec.name for codec in cut.codecs])
            for cut in self._manifest.cuts
        ]

    def times(self, slowness: float) -> fleet_pb2.DeviceTimes:
        """What a device has measured of itself."""
        profile = self.profile
        return fleet_pb2.DeviceTimes(
            pieces={cut: slowness * ms for cut, ms in profile.pieces.items()},
            encode={name: slowness * ms for name, ms in profile.encode_ms.items()},
            prefill=slowness * profile.prefill_ms,
            token=slowness * profile.token_ms,
            preprocess=slowness * profile.preprocess_ms,
            pixels=slowness * profile.pixels_ms,
            measured=True,
        )


def _stand_in() -> tuple[bundle_pb2.Manifest, bundle_pb2.Measurements]:
    """Of the size of a model of 256 million parameters, with four cuts."""
    manifest = bundle_pb2.Manifest(model="simulated", local=bundle_pb2.Local())
    measured = bundle_pb2.Measurements(
        bundle=_DIGEST,
        measure=EXACT_MATCH,
        accuracy=91.5,
        mean_tiles=1,
        format=FORMAT,
        count=400,
        pictures=400,
    )
    for name, piece, entry, codecs in _STAND_IN:
        manifest.pieces.add(cut=name)
        manifest.cuts.add(name=name).codecs.extend(bundle_pb2.Codec(name=codec) for codec, _, _ in codecs)
        cut = measured.cuts[name]
        cut.piece_milliseconds, cut.cloud_milliseconds = piece, entry
        for codec, size, accuracy in codecs:
            cut.codecs[codec].MergeFrom(
                bundle_pb2.MeasuredCodec(mean_bytes=size, accuracy=accuracy, encode_milliseconds=4.0)
            )
    measured.uploads.add(format="jpeg", quality=80, mean_bytes=61_000, accuracy=91.0, encode_milliseconds=6.0)
    measured.local.MergeFrom(
        bundle_pb2.MeasuredLocal(accuracy=84.0, prefill_milliseconds=420.0, token_milliseconds=38.0)
    )
    measured.cloud_cost.MergeFrom(
        bundle_pb2.CloudCost(vision_milliseconds=130.0, prefill_milliseconds=35.0, token_milliseconds=9.0)
    )
    return manifest, measured
