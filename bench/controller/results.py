"""What was measured of a fleet of one size."""

from dataclasses import dataclass, field


@dataclass
class SettingsChange:
    """New settings for all devices, in seconds from the operator's request. `answered`: the controller has
    written them; `half` and so on: it has written that so many devices report them. `cpu`: what it took.
    """

    answered: float
    half: float
    most: float  # 99%
    all: float
    cpu: float


@dataclass
class FleetFigures:
    """Seconds, but where a name says otherwise."""

    devices: int
    connected: float = 0.0  # until all were, from nothing
    changes: list[SettingsChange] = field(default_factory=list)
    controller_memory: int = 0  # bytes, at most
    broker_memory: int = 0
    idle_cpu: float = 0.0  # seconds of the controller a second, while devices only tell windows
    windows_a_second: float = 0.0
    windows_sent: int = 0  # as the broker has acknowledged them
    windows_counted: int = 0  # as the controller has written them
    back: float = 0.0  # after the broker was started again: until all devices are connected,
    known: float = 0.0  # and until the controller has written that they are
    peak_connects: float = 0.0  # a second
    next_leads: float = 0.0  # after the leader was killed in the middle of a rollout
    rolled_out: float = 0.0  # from then on, until all devices report it
    lost: int = 0  # devices that were not told, or not as written
    doubled: int = 0  # that were told twice

    def change(self, name: str) -> float:
        """The median over the changes."""
        ordered = sorted(float(getattr(change, name)) for change in self.changes)
        return ordered[len(ordered) // 2]
