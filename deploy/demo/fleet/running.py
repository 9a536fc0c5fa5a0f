"""The fleet run: a controller, three simulated devices, and the demonstration's agent, on one broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from anyio.from_thread import start_blocking_portal

from bench.rig.watched_process import WatchedProcess
from cloud.fleet.simulation.fleet import SimulatedFleet, SimulationConfig
from cloud.fleet.simulation.harms import Harm
from deploy.demo.agent.configuration import DEVICE, FLEET
from deploy.demo.agent.running import RunningAgent
from deploy.demo.fleet.fleet_record import FleetRecord
from deploy.demo.fleet.operator import Operator
from deploy.demo.fleet.tuning import Tell, tuned
from protos.bundle import Bundle
from protos.connection.broker import BrokerAccess

_SIMULATED = 3
_TELEMETRY_SECONDS = 1


@dataclass(frozen=True)
class RunningFleet:
    """`address`: of the controller's API and its console; `cuts`: a good one, and one that harms."""

    process: WatchedProcess
    cuts: tuple[str, str]

    @property
    def address(self) -> str:
        return self.process.address

    def tuned(self, tell: Tell) -> FleetRecord:
        """Let an operator tune it. Raises CloudError."""
        return tuned(Operator(self.address), DEVICE, _SIMULATED + 1, self.cuts, tell)


@contextmanager
def running_fleet(bundle: Bundle, agent: RunningAgent) -> Iterator[RunningFleet]:
    """The agent's fleet, with simulated devices that have its bundle. Raises CloudError where the controller
    does not come up.
    """
    good, bad = bundle.manifest.cuts[-1].name, bundle.manifest.cuts[0].name
    broker = f"mqtt://127.0.0.1:{agent.heard.port}"
    serve = (
        "fleet",
        "serve",
        "--fleet",
        FLEET,
        "--mqtt",
        broker,
        "--listen",
        "127.0.0.1:0",
        "--bucket",
        "1s",
    )
    simulation = SimulationConfig(
        BrokerAccess(broker),
        FLEET,
        _SIMULATED,
        telemetry=_TELEMETRY_SECONDS,
        rate=5.0,
        restart_every=0.0,
        bundle=bundle.path,
        harms=(Harm(cut=bad, silent=1.0),),
    )
    database = ("--database", agent.places.folder / "fleet.db")
    with (
        _simulated(simulation),
        WatchedProcess("the controller", (*serve, *database), "listening on ") as process,
    ):
        yield RunningFleet(process, (good, bad))


@contextmanager
def _simulated(config: SimulationConfig) -> Iterator[None]:
    """Until the end of the block; then they say that they are gone."""
    with start_blocking_portal() as portal:
        running = portal.start_task_soon(portal.call(SimulatedFleet, config).run)
        try:
            yield
        finally:
            running.cancel()
