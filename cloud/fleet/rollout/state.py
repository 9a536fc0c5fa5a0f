"""How far a rollout has come: all of it, so that another process goes on with it at any instant."""

from enum import Enum

import msgspec


class RolloutStatus(Enum):
    """The last three are ends."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ROLLED_BACK = "rolled back"
    ABORTED = "aborted"

    @property
    def ended(self) -> bool:
        return self not in {RolloutStatus.RUNNING, RolloutStatus.PAUSED}


class Standing(Enum):
    """How it is with a treated device."""

    COMMANDED = "commanded"  # and it has had no time to report yet
    TAKING_OVER = "taking over"  # a bundle
    IN_FORCE = "in force"
    OFFLINE = "offline"
    REFUSED = "refused"
    TAKEN_BACK = "taken back"  # by the device, after it had tried: failed
    LATE = "late"  # connected, and did not report in time: failed
    SILENT = "silent"  # not heard of for too long: failed

    @property
    def failed(self) -> bool:
        return self in _FAILED

    @property
    def replaced(self) -> bool:
        """Another device takes its place in the phase. That of a failed one is taken by nobody."""
        return self is Standing.OFFLINE or self is Standing.REFUSED


_FAILED = (Standing.TAKEN_BACK, Standing.LATE, Standing.SILENT)


class Treated(msgspec.Struct, frozen=True):
    """A device that was told the new desired settings. `since`: when they came into force."""

    at: float
    phase: int
    connected: bool = True  # when it was told
    since: float | None = None
    standing: Standing = Standing.COMMANDED
    reason: str = ""


class Block(msgspec.Struct, frozen=True):
    """A treated device and those that it is compared with: which of them is treated was drawn."""

    controls: tuple[str, ...]
    since: float  # what is compared begins here: by the clock alone, never by what the treated device does
    looks: int = 0  # that were taken


class Wager(msgspec.Struct, frozen=True):
    """Evidence of one measure, class, phase and look: log e-values by alternative, and what the effect seems
    to be.
    """

    blocks: int = 0
    harm: tuple[float, ...] = ()
    health: tuple[float, ...] = ()
    total: float = 0.0  # of how much worse the treated are than the mean of their block
    squares: float = 0.0
    lost: int = 0  # treated devices that do not tell of it any more


class RolloutState(msgspec.Struct, frozen=True):
    """`evidence` is by measure, class (empty: all), phase and look, see `evidence_key`."""

    status: RolloutStatus = RolloutStatus.RUNNING
    reason: str = ""
    phase: int = 0
    phase_since: float = 0.0
    treated: dict[str, Treated] = {}
    blocks: dict[str, Block] = {}  # by treated device
    evidence: dict[str, Wager] = {}
    unproven: bool = False  # the operator lets the next phase begin without proof
    budget: float = 1.0  # devices that may be commanded now
    budget_at: float = 0.0

    def count(self, standing: Standing) -> int:
        return sum(device.standing is standing for device in self.treated.values())

    @property
    def failed(self) -> int:
        return sum(device.standing.failed for device in self.treated.values())


def evidence_key(measure: str, kind: str, phase: int, look: int) -> str:
    """One text, since that is what names are in JSON."""
    return f"{measure}\n{kind}\n{phase}\n{look}"
