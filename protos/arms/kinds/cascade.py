"""The device answers, and asks the cloud where it is not sure of its answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.arm import Arm, Sender, Situation, check_name, cloud_generate, qualities
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile

SHARES = (0.1, 0.3, 0.5)  # of the held-out questions: what the cloud is asked, as near as thresholds come


@dataclass(frozen=True)
class CascadeArm(Arm):
    """A threshold of the split's calibration, named by the share of questions that the cloud gets: those
    whose raw confidence (protos/text/confidence.py) is below it. The head has come to the last cut for the
    local answer, so that features of it cost no more than the coder; unless a small model answers that sees
    the picture itself.

    A local answer is a cascade that asks nothing, a split at the last cut one that asks everything (Chen et
    al., 2023, FrugalGPT, of language models).
    """

    kind, rank, patterns, local_first = "cascade", 1, ("cascade", "cascade@SHARE%"), True

    escalated: float = 0.0  # share of the held-out questions, from 0 to 1
    threshold: float = 0.0
    agreement: float = (
        0.0  # the share of the device's answers that agree with the whole model's; 0: none is promised
    )

    @classmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        del cached_accuracy
        if not manifest.HasField("local") or not measured.local.HasField("calibration"):
            return
        cut, codec = measured.local.calibration.cut, measured.local.calibration.codec
        size = measured.cuts[cut].codecs[codec].mean_bytes
        for one in _offered(measured):
            known = qualities(one, measured)
            yield cls(
                cut,
                codec,
                size,
                **known,
                escalated=one.escalated,
                threshold=one.threshold,
                agreement=one.agreement,
            )

    @property
    def name(self) -> str:
        return f"{self.kind}@{_place(self.escalated, self.agreement)}"

    @property
    def payload(self) -> str:
        return f"split@{self.cut}/{self.coding}"

    def accepts(self, confidence: float) -> bool:
        return confidence >= self.threshold

    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        # behind a small model with a vision part of its own, only what is escalated needs the head
        head = device.head_ms(self.cut) if device.own_vision else 0.0
        return Cost(
            head=workload.tiles * device.local_head_ms,
            local=device.prefill_ms + workload.tokens * device.token_ms,
            asked=self.escalated,
            encode=workload.tiles * (head + device.encode_ms.get(f"{self.cut}/{self.coding}", 0.0)),
            queue=cloud.queue_ms,
            entry=workload.size * cloud.entry_ms.get(self.cut, 0.0),
            generate=cloud_generate(cloud, workload),
            bytes_up=workload.request_bytes(self.mean_bytes),
        )

    def forbidden(self, situation: Situation) -> str:
        if not situation.rules.allow_local:
            return "rule no-local"
        return super().forbidden(situation) or situation.unavailable_reason

    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        request.features.CopyFrom(sender.features(self.cut, self.coding))

    @classmethod
    def check_place(cls, place: str, manifest: pb.Manifest, measured: pb.Measurements) -> None:
        del manifest
        check_name("cascade", place, [_place(one.escalated, one.agreement) for one in _offered(measured)])


def _offered(measured: pb.Measurements) -> list[pb.Cascade]:
    """The one that promises what was asked for, or of each share the threshold that comes nearest; but none
    twice, and none that asks nothing or all.
    """
    if measured.local.calibration.HasField("promised"):
        return [measured.local.calibration.promised]
    cascades = [one for one in measured.local.calibration.cascades if 0 < one.escalated < 1]
    nearest = [_nearest(cascades, share) for share in SHARES if cascades]
    return list({_percent(one.escalated): one for one in nearest}.values())


def _nearest(cascades: list[pb.Cascade], share: float) -> pb.Cascade:
    return min(cascades, key=lambda one: abs(one.escalated - share))


def _place(share: float, agreement: float) -> str:
    return f"agree-{100 * agreement:g}%" if agreement else _percent(share)


def _percent(share: float) -> str:
    return f"{share:.0%}"
