"""What every arm has: what it offers, what it takes, which rule forbids it, what it sends."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypedDict

from typing_extensions import Self

from protos import bundle_pb2 as pb
from protos import inference_pb2 as ip
from protos.arms.loss import sure_loss_of
from protos.arms.rules import AUTO, LOCAL, Rules, exceeds
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate, LinkEstimate
from protos.costs.profile import DeviceProfile
from protos.errors import UnknownName
from protos.pictures.upload_formats import Coding


class Sender(Protocol):
    """What an arm asks of the device to build a request."""

    frame: str  # what the cloud calls the frame that it keeps

    def features(self, cut: str, codec: str) -> ip.Features:
        """The picture's features at a cut, encoded."""

    def picture(self, coding: Coding) -> bytes:
        """The picture as a file."""


@dataclass(frozen=True)
class Situation:
    """What a rule is held against.

    `unavailable_reason`: why the device cannot answer alone, whatever the rules. `device`: what it can
    encode has a time there.
    """

    rules: Rules
    link: LinkEstimate | None
    unavailable_reason: str = ""
    device: DeviceProfile | None = None


@dataclass(frozen=True)
class Arm(ABC):
    """One way to answer."""

    kind: ClassVar[str]
    rank: ClassVar[int] = 9  # where a table lists it
    patterns: ClassVar[tuple[str, ...]] = ()  # of the routes that force it
    remote: ClassVar[bool] = True
    local_first: ClassVar[bool] = False  # the device answers, and the cloud where that is not accepted
    sends_features: ClassVar[bool] = False  # and nothing else: frame after frame, they may go in one stream
    hysteresis: ClassVar[bool] = True  # False: taken at once where it is best, whatever was taken before

    cut: str = ""  # that a head runs to, or that the cloud is entered at
    coding: str = ""  # codec, or FORMAT-QUALITY
    mean_bytes: float = 0.0  # payload
    accuracy: float = 0.0  # percent
    loss: float = 0.0  # points below the whole model, beyond noise
    accuracy_low: float = 0.0  # 95% interval; both are 0 where it is not known
    accuracy_high: float = 0.0
    loss_error: float = 0.0  # standard error of the points below the whole model

    @classmethod
    @abstractmethod
    def offered(
        cls, manifest: pb.Manifest, measured: pb.Measurements, cached_accuracy: float | None
    ) -> Iterator[Self]:
        """Every such arm of a bundle. `cached_accuracy`: of what the cloud keeps of this frame, if any."""

    @abstractmethod
    def cost(self, device: DeviceProfile, cloud: CloudEstimate, workload: Workload) -> Cost:
        """What it takes beside the network."""

    def device_ms(self, cost: Cost) -> float:
        """Of what it takes, the device's own part, on average."""
        generate = 0.0 if self.remote else cost.generate
        return cost.head + cost.local + cost.asked * (cost.encode + generate)

    @abstractmethod
    def build(self, request: ip.InferRequest, sender: Sender) -> None:
        """Put the input into a request. Raises TypeError where nothing is sent."""

    def accepts(self, confidence: float) -> bool:
        """Whether a local answer of this raw confidence is given, where the device answers first."""
        del confidence
        return False

    @property
    def entry(self) -> str | None:
        """The cut at which the cloud is entered, "pixels" for a picture; None where nothing enters."""
        return self.cut

    @property
    def payload(self) -> str:
        """The name of the arm whose payload this one sends."""
        return self.name

    @property
    def name(self) -> str:
        place = "/".join(part for part in (self.cut, self.coding) if part)
        return f"{self.kind}@{place}" if place else self.kind

    def fits(self, route: str) -> bool:
        """Whether this arm is one that a route asks for."""
        return route in (AUTO, self.name) or self.name.startswith((route + "@", route + "/"))

    def forbidden(self, situation: Situation) -> str:
        """Why a rule, other than the deadline, forbids it; empty if none does."""
        rules, link = situation.rules, situation.link
        if rules.never_leave_device:
            return "rule never-leave-device"
        if lossy := self.too_lossy(rules):
            return lossy
        if elsewhere := self.elsewhere(rules):
            return elsewhere
        if not self.fits(rules.route):
            return f"route {rules.route} was asked for"
        # a person who insists on a route may try a cloud that was away
        return link.outage if rules.route == AUTO and link else ""

    def too_lossy(self, rules: Rules) -> str:
        """Why the rule about losses forbids it; empty where it does not."""
        if not exceeds(rules, self.loss):
            return ""
        return f"rule max-loss: surely loses {self.loss:.1f} points of {rules.max_loss:g}"

    def elsewhere(self, rules: Rules) -> str:
        """Why the rules about cuts and codecs forbid it; empty where they do not."""
        if self.cut and rules.cuts and self.cut not in rules.cuts:
            return f"rule cuts: {', '.join(rules.cuts)}"
        return f"rule codec: {rules.codec}" if self.cut and rules.codec not in ("", self.coding) else ""

    @classmethod
    def check_place(cls, place: str, manifest: pb.Manifest, measured: pb.Measurements) -> None:
        """Raise UnknownName for what stands behind `KIND@` in a route, with what there is."""
        del manifest, measured
        raise UnknownName("route", f"{cls.kind}@{place}", [AUTO, LOCAL, *cls.patterns])


class Qualities(TypedDict):
    """What an arm knows of how well it answers."""

    accuracy: float
    loss: float
    accuracy_low: float
    accuracy_high: float
    loss_error: float


def qualities(
    way: pb.MeasuredCodec | pb.MeasuredUpload | pb.MeasuredLocal | pb.Cascade, measured: pb.Measurements
) -> Qualities:
    """Those of a way that was measured."""
    return Qualities(
        accuracy=way.accuracy,
        loss=sure_loss_of(way, measured.accuracy),
        accuracy_low=way.accuracy_low,
        accuracy_high=way.accuracy_high,
        loss_error=way.loss_error,
    )


def cloud_generate(cloud: CloudEstimate, workload: Workload) -> float:
    """Milliseconds of prefill and tokens in the cloud."""
    return workload.size * cloud.prefill_ms + workload.tokens * cloud.token_ms


def check_name(what: str, name: str, known: list[str]) -> None:
    """Raise UnknownName, with what there is, for a name that is not among those known."""
    if name not in known:
        raise UnknownName(what, name, known)
