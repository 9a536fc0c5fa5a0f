"""A simulated request on its way, and how it ended."""

from dataclasses import dataclass, field
from typing import Literal

from bench.simulate.policy import Taken
from bench.simulate.queues.events import Event
from bench.simulate.requests import Arrival
from edge.costs.device_times import PREFILL, TOKEN
from protos.arms.arm import Arm
from protos.costs.cost import Cost
from protos.costs.profile import DeviceProfile


@dataclass(frozen=True)
class Served:
    """How a request ended. `chosen` is the arm that was taken, `answered` the one that brought the answer;
    empty where there was none. Seconds, milliseconds, bytes that left the device, and what
    the model of its power says that it took.
    """

    at: float
    total_ms: float
    chosen: str
    answered: str
    bytes_up: float
    joules: float  # of the device
    score: float


@dataclass
class Pending:
    """A request on its way."""

    arrival: Arrival
    taken: Taken | None = None
    way: Arm | None = None  # that was taken first, of which an escalation is a part
    answered_here: bool = False  # the device has an answer, which is not sure enough
    cost: Cost = field(default_factory=Cost)
    begun: float = 0.0  # the call
    arrives: float = 0.0  # in the cloud, once its bytes have left
    queued_ms: float = 0.0  # in the cloud
    first_reply: float | None = None
    bytes_up: float = 0.0
    worked_ms: float = 0.0  # by the device
    place: Literal["device", "uplink", "air", "queue", "cloud", "back"] = "device"
    until: float = 0.0  # in the cloud: when its server is free
    events: list[Event] = field(default_factory=list)

    @property
    def decided(self) -> Taken:
        """What was taken. Raises ValueError before that."""
        if self.taken is None:
            raise ValueError("nothing was decided yet")
        return self.taken

    @property
    def unsure(self) -> bool:
        """Whether the device's own answer is not sure enough to be given."""
        return self.way is not None and self.way.local_first and self.arrival.sureness < self.cost.asked

    @property
    def reached(self) -> str | None:
        """The cut that the head came to for what was sent."""
        arm = self.taken.arm if self.taken else None
        return (arm.cut or None) if arm and not arm.local_first else None

    def parts(self, device: DeviceProfile) -> dict[str, float]:
        """What the device saw its own parts take for what it did last, a tile."""
        arm, noise = self.decided.arm, self.arrival.device
        here = arm.local_first or not arm.remote
        names = list(device.pieces)
        if (here and device.own_vision) or (self.answered_here and not device.own_vision):
            names = []
        elif not here:
            names = names[: names.index(arm.cut) + 1] if arm.cut else []
        parts = {name: noise * device.pieces[name] for name in names}
        coder = "/".join(part for part in (arm.cut, arm.coding) if part)
        if not here and coder in device.encode_ms:
            parts[coder] = noise * device.encode_ms[coder]
        if here:
            parts |= {PREFILL: noise * device.prefill_ms, TOKEN: noise * device.token_ms}
        return parts
