"""The cloud still keeps this frame: only the question travels."""

from collections.abc import Iterator

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.arm import Arm, Qualities, Sender, cloud_generate, qualities
from protos.arms.rules import LOCAL
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile


def _qualities(accuracy: float, measured: pb.Measurements) -> Qualities:
    """Those of the measured way that is nearest in accuracy: by one of them the frame was sent. Of a frame
    that is as good as the whole model none is needed.
    """
    ways: list[pb.MeasuredUpload | pb.MeasuredCodec] = list(measured.uploads)
    for cut in measured.cuts.values():
        ways += cut.codecs.values()
    if accuracy >= measured.accuracy or not ways:
        return Qualities(
            accuracy=accuracy,
            loss=max(0.0, measured.accuracy - accuracy),
            accuracy_low=measured.accuracy_low,
            accuracy_high=measured.accuracy_high,
            loss_error=0.0,
        )
    return qualities(min(ways, key=lambda way: abs(way.accuracy - accuracy)), measured)


class CachedArm(Arm):
    """As accurate as what was sent of the frame. It fits every route through the cloud."""

    kind, rank, hysteresis = "cached", 1, False

    @classmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        del manifest
        if cached_accuracy is not None:
            yield cls(**_qualities(cached_accuracy, measured))

    @property
    def entry(self) -> None:
        return None

    def fits(self, route: str) -> bool:
        return route != LOCAL

    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        del device
        generate = cloud_generate(cloud, workload)
        return Cost(queue=cloud.queue_ms, generate=generate, bytes_up=workload.request_bytes(0))

    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        request.cached_frame = bytes.fromhex(sender.frame)
