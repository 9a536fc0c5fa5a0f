"""The device sends the picture as a file, at the model's own size or smaller: the rival of every split."""

from collections.abc import Iterator

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.arm import Arm, Sender, Situation, check_name, cloud_generate, qualities
from protos.bundle import PICTURE_CUT
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.measurements import coding_of
from protos.pictures.upload_formats import Coding


class UploadArm(Arm):
    """A picture format with one of the qualities that the report measured."""

    kind, rank, patterns = "upload", 3, ("upload", "upload@FORMAT-QUALITY")

    @classmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        del manifest, cached_accuracy
        for upload in measured.uploads:
            yield cls("", str(coding_of(upload)), upload.mean_bytes, **qualities(upload, measured))

    @property
    def entry(self) -> str:
        return PICTURE_CUT

    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        return Cost(
            encode=device.encode_ms.get(self.coding, 0.0),
            queue=cloud.queue_ms,
            entry=workload.size * cloud.entry_ms.get(PICTURE_CUT, 0.0),
            generate=cloud_generate(cloud, workload),
            bytes_up=workload.request_bytes(self.mean_bytes),
        )

    def forbidden(self, situation: Situation) -> str:
        rules = situation.rules
        if rules.never_upload and not rules.never_leave_device:
            return "rule never-upload"
        if situation.device and self.coding not in situation.device.encode_ms:
            return f"this device cannot encode {Coding.parse(self.coding).format}"
        return super().forbidden(situation)

    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        request.picture.data = sender.picture(Coding.parse(self.coding))

    @classmethod
    def check_place(cls, place: str, manifest: pb.Manifest, measured: pb.Measurements) -> None:
        del manifest
        check_name("upload", place, [str(coding_of(upload)) for upload in measured.uploads])
