"""What a rollout is to do, as an operator asks for it: frozen when it is made."""

from collections.abc import Iterable
from math import ceil

import msgspec

from cloud.rollout.assignment import lot
from protos.errors import RequestError

PHASES = (0.0, 0.01, 0.1, 0.5, 1.0)  # shares of the cohort; the first is one device
_MINUTE, _DAY = 60.0, 86_400.0


class Guards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What treated devices may be worse by than the control group; None: not judged."""

    errors: float | None = 0.01  # more answers that fail, as a part of all
    p95: float | None = 0.05  # of the 95th percentile of an answer's time, as a part of it
    energy: float | None = 0.05  # fewer answers a joule, as a part of them
    bytes: float | None = 0.05  # sent and received an answer, as a part of them
    accuracy: float | None = 0.01  # fewer right or agreed answers, as a part of all: 0.01 is a point

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            bound = getattr(self, name)
            if bound is not None and not 0.001 <= bound <= 0.9:
                raise RequestError(f"the bound of the guard {name} is {bound:.2%}; give 0.1% to 90%")


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A device of the cohort. `kind`: its class, within which devices are compared."""

    device: str
    kind: str


class RolloutPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times are in seconds. The cohort is in the order in which devices are treated; `frozen_cohort` makes
    it. Raises RequestError for values that are none.
    """

    cohort: tuple[Member, ...]
    guards: Guards = Guards()
    phases: tuple[float, ...] = PHASES
    control: float = 0.05  # share of the cohort that stays as it is until all others are done
    keep_control: bool = False  # it stays so afterwards too
    per_minute: float = 600.0  # devices commanded, at most
    health: float = 3600.0  # how long a phase is watched, at least
    baseline: float = 24 * 3600.0  # how long before it a device is compared with itself
    late: float = 900.0  # after which a device that is connected and does not report counts as failed
    takeover: float = 6 * 3600.0  # after which one that still fetches or tries a bundle does
    silent: float = 1800.0  # after which one that is not heard of does
    proven_from: float = 0.1  # beyond this share a phase begins only if no guard is violated, as is known
    tolerated: float = 0.1  # part of the treated devices that may fail before the rollout holds
    max_failed: int | None = None  # so many failed devices roll it back, whatever else is known
    alpha: float = 0.01  # how often, at most, a rollout that worsens nothing beyond its bounds is rolled back
    kinds: tuple[str, ...] = ()  # the classes of the cohort

    def __post_init__(self) -> None:
        if not self.cohort:
            raise RequestError("no device is selected for the rollout; select others")
        if list(self.phases) != sorted(set(self.phases)) or not self.phases or self.phases[-1] != 1:
            raise RequestError("the phases of a rollout are growing shares up to 100%; give such")
        for name, least, most in (
            ("phases[0]", 0.0, 1.0),
            ("control", 0.0, 0.5),
            ("per_minute", 1.0, 100_000.0),
            ("health", 1.0, 7 * _DAY),
            ("baseline", 1.0, 7 * _DAY),
            ("late", 1.0, 7 * _DAY),
            ("takeover", 1.0, 7 * _DAY),
            ("silent", 1.0, 7 * _DAY),
            ("proven_from", 0.0, 1.0),
            ("tolerated", 0.0, 1.0),
            ("alpha", 1e-6, 0.5),
        ):
            value = self.phases[0] if name == "phases[0]" else getattr(self, name)
            if not least <= value <= most:
                raise RequestError(f"{name} of the rollout is {value:g}; give {least:g} to {most:g}")
        kinds = tuple(sorted({member.kind for member in self.cohort}))
        msgspec.structs.force_setattr(self, "kinds", kinds)

    @property
    def controls(self) -> int:
        """How many devices stay: the last of the order; where there are two or more devices, at least one."""
        if not self.control or len(self.cohort) < 2:
            return 0
        return max(1, round(self.control * len(self.cohort)))

    def quota(self, phase: int) -> int:
        """How many devices are to be treated by the end of a phase; one beyond the last is for the control
        group.
        """
        if phase >= len(self.phases):
            return len(self.cohort)
        return min(max(1, ceil(self.phases[phase] * len(self.cohort))), len(self.cohort) - self.controls)

    @property
    def last_phase(self) -> int:
        return len(self.phases) - 1 if self.keep_control or not self.controls else len(self.phases)

    def needs_proof(self, phase: int) -> bool:
        """Whether this phase begins only once the one before is known to have done no harm. By the time that
        the control group's turn comes, all others have the change, and there is little left to compare with.
        """
        return phase < len(self.phases) and self.phases[phase] > self.proven_from


def frozen_cohort(devices: Iterable[Member], salt: str) -> tuple[Member, ...]:
    """In an order that is drawn by a salted hash. The salt is to be random, and new for each rollout: the
    guards' guarantee rests on this draw alone.
    """
    return tuple(sorted(devices, key=lambda member: lot(member.device, salt)))
