"""What happens to a plant, one class a fault."""

import time
from dataclasses import dataclass

from bench.network.conditions import KILOBIT, MEGABIT, Conditions, Steady
from tests.chaos.ledger import Ledger
from tests.chaos.plant import CAMERA, ORDINARY, Plant

SLOW = Conditions.steady(0.2 * MEGABIT, round_trip=0.02)
DELAYED = Conditions.steady(2 * MEGABIT, round_trip=10.0, buffer=4 << 20)  # 5 s each way
CRAWLING = Conditions(ORDINARY.up, Steady(4 * KILOBIT), ORDINARY.round_trip)  # on the way back
_BEGUN_SECONDS = 1.0
_HOUR = 3600


@dataclass(frozen=True)
class Fault:
    """`name` in a table; `seconds`: how long it lasts."""

    name: str
    seconds: float

    def missing(self, plant: Plant) -> str:
        """What is not there to have it happen; or nothing."""
        return ""

    def begin(self, plant: Plant) -> None:
        """It happens."""

    def end(self, plant: Plant) -> None:
        """What had failed works again."""

    def answers(self, ledger: Ledger, since: float) -> list[float]:
        """When answers came, from a moment on, that show that it is over."""
        return ledger.answers_from_cloud(since)

    def unended(self, ledger: Ledger) -> int:
        """Questions whose ends are waited for."""
        return ledger.waiting


class CloudKilled(Fault):
    """While answers are on their way, some half told."""

    def begin(self, plant: Plant) -> None:
        plant.link.set(CRAWLING)
        time.sleep(_BEGUN_SECONDS)
        plant.cloud.kill()
        plant.link.set(ORDINARY)

    def end(self, plant: Plant) -> None:
        plant.cloud.start()


class LinkCut(Fault):
    def begin(self, plant: Plant) -> None:
        plant.link.cut()

    def end(self, plant: Plant) -> None:
        plant.link.restore()


@dataclass(frozen=True)
class LinkChanged(Fault):
    conditions: Conditions

    def begin(self, plant: Plant) -> None:
        plant.link.set(self.conditions)

    def end(self, plant: Plant) -> None:
        plant.link.set(ORDINARY)


class HalfOpen(Fault):
    """What is sent arrives, and nothing comes back."""

    def begin(self, plant: Plant) -> None:
        plant.link.mute()

    def end(self, plant: Plant) -> None:
        plant.link.restore()


class StateLost(Fault):
    """Connections that are open carry nothing more; new ones work."""

    def begin(self, plant: Plant) -> None:
        plant.link.forget()


class BrokerGone(Fault):
    def missing(self, plant: Plant) -> str:
        return "" if plant.broker.there else "no mosquitto here (Debian: mosquitto)"

    def begin(self, plant: Plant) -> None:
        plant.broker.stop()

    def end(self, plant: Plant) -> None:
        plant.broker.start()


@dataclass(frozen=True)
class ClockStepped(LinkCut):
    """While questions wait in the outbox, which has their times by the wall clock."""

    by: int = _HOUR

    def missing(self, plant: Plant) -> str:
        return "" if plant.clock else "no C compiler here"

    def begin(self, plant: Plant) -> None:
        assert plant.clock
        plant.clock.step(self.by)
        super().begin(plant)

    def end(self, plant: Plant) -> None:
        assert plant.clock
        plant.clock.step(0)
        super().end(plant)


class DiskFull(LinkCut):
    """While questions are to be kept in the outbox."""

    def begin(self, plant: Plant) -> None:
        plant.agent.fill_disk()
        super().begin(plant)

    def end(self, plant: Plant) -> None:
        plant.agent.free_disk()
        super().end(plant)


class CameraUnplugged(Fault):
    def begin(self, plant: Plant) -> None:
        plant.cable.cut()

    def end(self, plant: Plant) -> None:
        plant.cable.restore()

    def answers(self, ledger: Ledger, since: float) -> list[float]:
        return ledger.answers_of(CAMERA, since)


class BundleSwapped(Fault):
    """A newer one is fetched and taken; the cloud serves both."""

    def begin(self, plant: Plant) -> None:
        plant.want(plant.bundles.new)
        plant.agent.says(f"bundle {plant.bundles.new.digest[:12]} answers and is kept")


class BundleBroken(Fault):
    """One is taken that is whole and opens, and that neither device nor cloud answer with."""

    def begin(self, plant: Plant) -> None:
        plant.want(plant.bundles.mute)
        plant.agent.says(f"bundle {plant.bundles.mute.digest[:12]} is given up")

    def end(self, plant: Plant) -> None:
        plant.want(plant.bundles.new)

    def unended(self, ledger: Ledger) -> int:
        """What was asked with that bundle stays in the outbox, for a cloud that serves it."""
        return ledger.lost


def short_faults() -> list[Fault]:
    """Those of `make test`: what is over within seconds."""
    return [
        LinkCut("link cut", 1),
        ClockStepped("clock 1 h ahead, link cut", 1),
        DiskFull("disk full, link cut", 1),
        BrokerGone("broker gone", 1),
        BundleSwapped("bundle swapped", 1),
        BundleBroken("bundle broken, rolled back", 1),
    ]


def all_faults(seconds: float) -> list[Fault]:
    """Those of `make chaos`, each so long that does not say otherwise."""
    return [
        Fault("none", seconds),
        CloudKilled("cloud killed, restarted", 5),
        CloudKilled("cloud killed, restarted", seconds),
        LinkCut("link cut", 1),
        LinkCut("link cut", 10),
        LinkCut("link cut", 60),
        LinkChanged("link 90% slower", seconds, SLOW),
        LinkChanged("link with a delay of 5 s", seconds, DELAYED),
        HalfOpen("link half open", seconds),
        StateLost("link's state lost", 10),
        BrokerGone("broker gone", seconds),
        ClockStepped("clock 1 h ahead, link cut", 10),
        ClockStepped("clock 1 h behind, link cut", 10, -_HOUR),
        DiskFull("disk full, link cut", seconds),
        CameraUnplugged("camera unplugged", seconds),
        BundleSwapped("bundle swapped", seconds),
        BundleBroken("bundle broken, rolled back", seconds),
    ]
