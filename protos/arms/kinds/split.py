"""The device runs the head to a cut and sends the features, encoded."""

from collections.abc import Iterator

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.arm import Arm, Sender, check_name, cloud_generate, qualities
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile


class SplitArm(Arm):
    """A cut with one of its codecs."""

    kind, rank, patterns = "split", 2, ("split", "split@CUT", "split@CUT/CODEC")
    sends_features = True

    @classmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        del cached_accuracy
        for cut in manifest.cuts:
            of = measured.cuts[cut.name].codecs
            for name in (codec.name for codec in cut.codecs):
                yield cls(cut.name, name, of[name].mean_bytes, **qualities(of[name], measured))

    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        return Cost(
            head=workload.tiles * device.head_ms(self.cut),
            encode=workload.tiles * device.encode_ms.get(f"{self.cut}/{self.coding}", 0.0),
            queue=cloud.queue_ms,
            entry=workload.size * cloud.entry_ms.get(self.cut, 0.0),
            generate=cloud_generate(cloud, workload),
            bytes_up=workload.request_bytes(self.mean_bytes),
        )

    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        request.features.CopyFrom(sender.features(self.cut, self.coding))

    @classmethod
    def check_place(cls, place: str, manifest: pb.Manifest, measured: pb.Measurements) -> None:
        del measured
        name, slash, codec = place.partition("/")
        check_name("cut", name, [cut.name for cut in manifest.cuts])
        if slash:
            codecs = next(cut.codecs for cut in manifest.cuts if cut.name == name)
            check_name(f"codec of cut {name}", codec, [known.name for known in codecs])
