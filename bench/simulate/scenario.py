"""What is simulated: a bundle on a device, a link, a cloud, and what is asked of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from bench.network.conditions import Rate
from protos.arms import arms_of
from protos.arms.arm import Arm
from protos.arms.rules import LOCAL, Rules, exceeds
from protos.bundle import Bundle
from protos.costs.cost import Cost, Workload
from protos.costs.estimates import CloudEstimate
from protos.costs.power import MODEL
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import RequestError

QUESTION_BYTES = 32
UNANSWERED_MS = 10_000.0  # what a request counts with that got no answer, at least


@dataclass(frozen=True, eq=False)
class Scenario:
    """`rate` is the uplink from `offset` seconds on; `mean_rate`: bits a second; `round_trip`: seconds."""

    bundle: Bundle
    device: DeviceProfile
    cloud: CloudEstimate  # what its stages truly take
    rate: Rate
    mean_rate: float
    round_trip: float = 0.05
    offset: float = 0.0
    servers: int = 4
    in_flight: int | None = None  # requests that the device has under way at most; None: any number
    rules: Rules = field(default_factory=Rules)
    weights: Weights = field(default_factory=Weights)
    _costs: dict[tuple[str, float], Cost] = field(default_factory=dict, init=False)

    def check(self) -> None:
        """Raises RequestError for a bundle of which nothing would cross the link."""
        if not any(arm.remote for arm in self.arms):
            raise RequestError(
                f"{self.bundle.path} offers no way through the cloud that is accurate enough; allow a larger "
                "--max-loss, or split the model again"
            )

    @cached_property
    def _offered(self) -> tuple[Arm, ...]:
        """Every arm of the bundle."""
        return tuple(arms_of(self.bundle.manifest, self.bundle.measurements))

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Every arm that may be taken."""
        rules = self.rules
        arms = [arm for arm in self._offered if not exceeds(rules, arm.loss)]
        return tuple(arm for arm in arms if rules.allow_local or (arm.kind != LOCAL and not arm.local_first))

    @property
    def local(self) -> Arm | None:
        """The arm that answers on the device, if it may be taken."""
        return next((arm for arm in self.arms if arm.kind == LOCAL), None)

    def escalated(self, arm: Arm) -> Arm:
        """The arm by which the cloud is asked where the device answered first."""
        return next(one for one in self._offered if one.name == arm.payload)

    @property
    def compares(self) -> bool:
        """A dual encoder, which generates nothing: its labels are the bundle's own, read already."""
        return self.bundle.manifest.HasField("matching")

    @property
    def tiles(self) -> int:
        return max(1, round(self.bundle.measurements.mean_tiles))

    def cost(self, arm: Arm, tokens: float) -> Cost:
        """What an arm truly takes, noise apart, for an answer of so many tokens. The first of them comes with
        the prefill.
        """
        steps = 0.0 if self.compares else max(tokens - 1, 0.0)
        if (arm.name, steps) not in self._costs:
            work = Workload(steps, QUESTION_BYTES, self.tiles, self.bundle.measurements.mean_tiles)
            self._costs[arm.name, steps] = arm.cost(self.device, self.cloud, work)
        return self._costs[arm.name, steps]

    def score(self, total_ms: float, loss: float, bytes_up: float, joules: float) -> float:
        """The policy's own objective: less is better."""
        weights = self.weights
        worth = weights.accuracy_point * loss + weights.kilobyte * bytes_up / 1000 + weights.joule * joules
        return weights.millisecond * total_ms + worth

    def joules(self, arm: Arm, cost: Cost) -> float:
        """Of the device, for an arm that costs so much on average."""
        return MODEL.joules(arm.device_ms(cost), 0.0, cost.mean_bytes, remote=arm.remote)


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
        pixels_ms=factor * profile.pixels_ms,
    )


def faster(cloud: CloudEstimate, factor: float) -> CloudEstimate:
    """A cloud whose stages take one of so many parts of the time."""
    entry = {cut: ms / factor for cut, ms in cloud.entry_ms.items()}
    return CloudEstimate(entry, cloud.prefill_ms / factor, cloud.token_ms / factor)


def allowed_loss(bundle: Bundle, max_loss: float) -> float:
    """The points that an arm may lose, beyond noise: `max_loss`, or as many as the best loses."""
    least = min((arm.loss for arm in arms_of(bundle.manifest, bundle.measurements)), default=0.0)
    return max(max_loss, least)
