"""Joules of a request, by the best meter that this machine has."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Protocol

from typing_extensions import Self

from edge.power import sources
from protos.costs.power import Power
from protos.registry import classes_of

SYSFS = Path("/sys")


class Measurement(Protocol):
    """One that is under way."""

    def joules(self, sent: int) -> float:
        """Since it began, where so many bytes were sent."""


class EnergyMeter(ABC):
    """One way to know. `power` is what is believed before anything was measured."""

    rank: ClassVar[int]  # the first that a machine has is used
    power: ClassVar[Power]
    words: ClassVar[str]  # what it measures

    @classmethod
    @abstractmethod
    def find(cls, sysfs: Path) -> Self | None:
        """None where the machine has none, or does not let this user read it."""

    @abstractmethod
    def measure(self) -> AbstractContextManager[Measurement]:
        """From now on."""


def open_meter(sysfs: Path = SYSFS) -> EnergyMeter:
    """The best of this machine; there always is the model. `sysfs` is where the kernel tells."""
    kinds = sorted(classes_of(sources, EnergyMeter), key=lambda kind: kind.rank)  # type: ignore[type-abstract]
    return next(meter for kind in kinds if (meter := kind.find(sysfs)))
