"""Joules of a request, by the best meter that this machine has."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from typing_extensions import Self

from edge.power import sources
from edge.power.shares import EnergyShares
from protos.costs.power import Power
from protos.registry import classes_of

SYSFS = Path("/sys")


class Measurement:
    """One that is under way."""

    def __init__(self, part: Callable[[], float], joules_a_megabyte: float) -> None:
        self._part, self._joules_a_megabyte = part, joules_a_megabyte

    def joules(self, sent: int) -> float:
        """Since it began, where so many bytes were sent: its part of what the device took, by
        `EnergyShares`.
        """
        return self._part() + self._joules_a_megabyte * sent / 1e6


class EnergyMeter(ABC):
    """One way to know. `power` is what is believed before anything was measured."""

    rank: ClassVar[int]  # the first that a machine has is used
    power: ClassVar[Power]
    words: ClassVar[str]  # what it measures

    def __init__(self) -> None:
        self.shares = EnergyShares(self.count)

    @classmethod
    @abstractmethod
    def find(cls, sysfs: Path) -> Self | None:
        """None where the machine has none, or does not let this user read it."""

    @abstractmethod
    def count(self) -> float:
        """Joules of the device since any moment, without a radio that is added by a figure. For one thread at
        a time.
        """

    @contextmanager
    def measure(self) -> Iterator[Measurement]:
        """From now on."""
        with self.shares.part() as part:
            yield Measurement(part, self.power.joules_a_megabyte)


def open_meter(sysfs: Path = SYSFS) -> EnergyMeter:
    """The best of this machine; there always is the model. `sysfs` is where the kernel tells."""
    kinds = sorted(classes_of(sources, EnergyMeter), key=lambda kind: kind.rank)  # type: ignore[type-abstract]
    return next(meter for kind in kinds if (meter := kind.find(sysfs)))
