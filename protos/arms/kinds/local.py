"""The device answers alone."""

from collections.abc import Iterator

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.arm import Arm, Sender, Situation, qualities
from protos.arms.rules import LOCAL
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile


class LocalArm(Arm):
    """The whole head and the bundle's local model, on the device."""

    kind, rank, patterns, remote = LOCAL, 0, (LOCAL,), False

    @classmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        del cached_accuracy
        if manifest.HasField("local"):
            yield cls(**qualities(measured.local, measured))

    @property
    def entry(self) -> None:
        return None

    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        del cloud
        generate = device.prefill_ms + workload.tokens * device.token_ms
        return Cost(head=workload.tiles * device.local_head_ms, generate=generate)

    def forbidden(self, situation: Situation) -> str:
        if not situation.rules.allow_local:
            return "rule no-local"
        if not self.fits(situation.rules.route):
            return f"route {situation.rules.route} was asked for"
        return self.too_lossy(situation.rules) or situation.unavailable_reason

    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        del request, sender
        raise TypeError("a local answer sends nothing")
