"""What a decision is made of: the request as far as it is known, every arm's prediction, and the choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from protos.arms.arm import Arm
from protos.arms.rules import Conditions, Rules
from protos.costs.estimates import NO_LINK, CloudEstimate, LinkEstimate, LinkStates
from protos.costs.weights import Weights

CHOSEN = "chosen"  # the verdict of the arm that was taken


@dataclass(frozen=True)
class Request:
    """What is known of a request before it is answered."""

    rules: Rules = field(default_factory=Rules)
    weights: Weights = field(default_factory=Weights)
    question_bytes: int = 0
    # expected length of the answer; of a dual encoder, labels that the device would have to read
    tokens: float = 8.0
    spent_ms: float = 0.0  # since the request arrived
    local_unavailable_reason: str = ""  # why the device cannot answer alone, whatever the rules
    # accuracy of what the cloud keeps of this frame; None if it keeps nothing
    cached_accuracy: float | None = None
    cached_at: str | None = None  # the cloud that keeps it; None: whichever is asked
    failed: frozenset[str] = frozenset()  # clouds that this request was sent to in vain
    tiles: int = 1  # that the picture becomes
    reached: tuple[str, ...] = ()  # cuts that the head has come to with this picture already
    rate: float = 0.0  # requests a second that this device is asked
    call_rate: float = 0.0  # calls a second that it begins
    # payloads of this camera, in those of the report's pictures, by the arm's name
    sizes: Mapping[str, float] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True)
class KnownCloud:
    """A cloud as it is believed to be when a request is decided. `name`: of one among several."""

    link: LinkEstimate
    cloud: CloudEstimate
    name: str = ""


@dataclass(frozen=True)
class Predicted:
    """What an arm would cost, in milliseconds on average, and why it lost."""

    arm: Arm
    head: float
    encode: float
    network: float
    queue: float
    cloud: float  # decoding the payload, and the tail
    generate: float  # prefill and tokens, here or there
    total_ms: float  # the above, and what was spent before the decision
    bytes_up: int
    accuracy: float
    score: float
    in_time: float = 1.0  # the probability to meet the deadline
    joules: float = 0.0  # of the device
    busy_ms: float = 0.0  # that the device itself would work from now on
    allowed: bool = True  # no rule, other than the deadline, forbids it
    verdict: str = ""
    cloud_name: str = ""  # of the cloud that it asks, where there are several

    @property
    def name(self) -> str:
        """Of the arm, and of its cloud among several."""
        return f"{self.arm.name} via {self.cloud_name}" if self.cloud_name else self.arm.name

    @property
    def working_ms(self) -> float:
        """Behind the network: what the cloud takes."""
        return self.queue + self.cloud + self.generate


@dataclass(frozen=True)
class Decision:
    """The arm that was chosen, and every arm with its verdict."""

    chosen: Predicted
    arms: tuple[Predicted, ...]
    late: bool = False  # no arm is likely to meet the deadline; of those as likely as any this is the best
    trial: bool = False  # not the best by what is known, but it may be: taken to learn
    measure: str = ""  # what accuracies are of
    outage: str = ""  # why the cloud could not be chosen though the rules allow it
    states: LinkStates = NO_LINK  # what the link was believed to be

    @property
    def arm(self) -> Arm:
        return self.chosen.arm

    def escalated(self) -> "Decision":
        """The same where the device has answered first and is not sure: the cloud is asked for certain."""
        name, cloud = self.arm.payload, self.chosen.cloud_name
        return replace(self, chosen=next(p for p in self.arms if (p.arm.name, p.cloud_name) == (name, cloud)))
