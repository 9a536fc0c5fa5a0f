"""What is simulated: a bundle on a device, a link, a cloud, and what is asked of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from bench.network.conditions import Rate
from edge.policy.decision import Weights
from protos import bundle_pb2 as pb
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL, Rules
from protos.bundle import Bundle
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import RequestError

QUESTION_BYTES = 32
UNANSWERED_MS = 10_000.0  # what a request counts with that got no answer, at least


@dataclass(frozen=True)
class Scenario:
    """`manifest` and `measured` are the bundle's, less the arms that may not be taken. `rate` is the uplink
    from `offset` seconds on; `mean_rate` in bits a second; `round_trip` in seconds.
    """

    bundle: Bundle
    manifest: pb.Manifest
    measured: pb.Measurements
    device: DeviceProfile
    cloud: CloudEstimate  # what its stages truly take
    rate: Rate
    mean_rate: float
    round_trip: float = 0.05
    offset: float = 0.0
    servers: int = 4
    rules: Rules = field(default_factory=Rules)
    weights: Weights = field(default_factory=Weights)

    def check(self) -> None:
        """Raises RequestError for a bundle of which nothing would cross the link."""
        if not any(arm.remote for arm in self.arms):
            raise RequestError(
                f"{self.bundle.path} offers no way through the cloud that is accurate enough; allow a larger "
                "--max-loss, or split the model again"
            )

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm that may be taken."""
        arms = arms_of(self.manifest, self.measured)
        return tuple(arm for arm in arms if self.rules.allow_local or arm.kind != LOCAL)

    @property
    def local(self) -> Arm | None:
        """The arm that answers on the device, if it may be taken."""
        return next((arm for arm in self.arms if arm.kind == LOCAL), None)

    @property
    def compares(self) -> bool:
        """A dual encoder, which generates nothing: its labels are the bundle's own, read already."""
        return self.manifest.HasField("matching")

    @property
    def tiles(self) -> int:
        return max(1, round(self.measured.mean_tiles))

    def cost(self, arm: Arm, tokens: float) -> Cost:
        """What an arm truly takes, noise apart, for an answer of so many tokens. The first of them comes with
        the prefill.
        """
        steps = 0.0 if self.compares else max(tokens - 1, 0.0)
        work = Workload(steps, QUESTION_BYTES, self.tiles, self.measured.mean_tiles)
        return arm.cost(self.device, self.cloud, work)

    def score(self, total_ms: float, accuracy: float, bytes_up: float) -> float:
        """The policy's own objective: less is better."""
        weights, lost = self.weights, max(0.0, self.measured.accuracy - accuracy)
        worth = weights.accuracy_point * lost + weights.kilobyte * bytes_up / 1000
        return weights.millisecond * total_ms + worth


def slower(profile: DeviceProfile, factor: float) -> DeviceProfile:
    """A device on which everything takes so many times as long."""

    def scaled(parts: Mapping[str, float]) -> dict[str, float]:
        return {name: factor * ms for name, ms in parts.items()}

    return replace(
        profile,
        pieces=scaled(profile.pieces),
        encode_ms=scaled(profile.encode_ms),
        prefill_ms=factor * profile.prefill_ms,
        token_ms=factor * profile.token_ms,
        preprocess_ms=factor * profile.preprocess_ms,
    )


def faster(cloud: CloudEstimate, factor: float) -> CloudEstimate:
    """A cloud whose stages take one of so many parts of the time."""
    entry = {cut: ms / factor for cut, ms in cloud.entry_ms.items()}
    return CloudEstimate(entry, cloud.prefill_ms / factor, cloud.token_ms / factor)


def within(
    manifest: pb.Manifest, measured: pb.Measurements, max_loss: float
) -> tuple[pb.Manifest, pb.Measurements]:
    """The bundle with only the arms that lose at most so many points against the whole model; where none is
    so good, with the best. Cascades are left out: a simulated answer has no confidence.
    """
    manifest_left, measured_left = pb.Manifest(), pb.Measurements()
    manifest_left.CopyFrom(manifest)
    measured_left.CopyFrom(measured)
    measured_left.local.ClearField("calibration")
    best = max((arm.accuracy for arm in arms_of(manifest, measured_left)), default=0.0)
    floor = min(measured.accuracy - max_loss, best)
    for cut in manifest_left.cuts:
        kept = [codec for codec in cut.codecs if measured.cuts[cut.name].codecs[codec.name].accuracy >= floor]
        del cut.codecs[:]
        cut.codecs.extend(kept)
    uploads = [upload for upload in measured.uploads if upload.accuracy >= floor]
    del measured_left.uploads[:]
    measured_left.uploads.extend(uploads)
    if measured.local.accuracy < floor:
        manifest_left.ClearField("local")
    return manifest_left, measured_left
