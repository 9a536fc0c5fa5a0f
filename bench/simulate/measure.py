"""Every policy over every trace, device and rate, all on the same requests."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from bench.simulate import policies
from bench.simulate.policies.oracle import OraclePolicy
from bench.simulate.policy import DecisionPolicy
from bench.simulate.requests import Arrival, Demand, arrivals, offset
from bench.simulate.results import CaseResult, Place, Played, summary
from bench.simulate.scenario import Scenario, allowed_loss, faster, slower
from bench.simulate.simulation import Simulation
from protos.arms.rules import Rules
from protos.bundle import Bundle
from protos.costs.estimates import CloudEstimate
from protos.costs.profile import DeviceProfile
from protos.costs.weights import Weights
from protos.errors import UnknownName
from protos.registry import classes_of
from protos.traces import Trace


@dataclass(frozen=True)
class Sweep:
    """What is the same in all cases, and what differs. Seconds; `seconds` None: as long as each trace."""

    traces: dict[str, Trace]
    device_slower: Sequence[float] = (1.0,)
    rates: Sequence[float] = (1.0,)
    round_trip: float = 0.05
    deadline_ms: float | None = None
    seconds: float | None = None
    cloud_faster: float = 1.0
    servers: int = 4
    in_flight: int | None = None
    max_loss: float = 1.0
    allow_local: bool = True
    weights: Weights = field(default_factory=Weights)
    demand: Demand = field(default_factory=lambda: Demand(1.0, 1.0))

    def places(self) -> Iterator[Place]:
        for name, factor, rate in itertools.product(self.traces, self.device_slower, self.rates):
            yield Place(name, factor, rate)

    @property
    def count(self) -> int:
        return len(self.traces) * len(self.device_slower) * len(self.rates)


def policy_kinds() -> list[type[DecisionPolicy]]:
    """Every kind of policy, in the order of tables."""
    found = classes_of(policies, DecisionPolicy)  # type: ignore[type-abstract]
    return sorted(found, key=lambda kind: kind.rank)


def named_kinds(names: Sequence[str]) -> list[type[DecisionPolicy]]:
    """Those of these names, all for none, and the oracle that they are held against. Raises UnknownName."""
    kinds = policy_kinds()
    known = [kind.name for kind in kinds]
    for name in names:
        if name not in known:
            raise UnknownName("policy", name, known)
    wanted = {*(names or known), OraclePolicy.name}
    return [kind for kind in kinds if kind.name in wanted]


def simulate(
    bundle: Bundle,
    device: DeviceProfile,
    sweep: Sweep,
    kinds: Sequence[type[DecisionPolicy]],
    advance: Callable[[str], None],
) -> list[CaseResult]:
    """Run all; `advance` is called after each policy of each case. Raises RequestError for a bundle that
    offers no way through the cloud.
    """
    return [_case(bundle, device, sweep, place, kinds, advance) for place in sweep.places()]


def scenario_of(bundle: Bundle, device: DeviceProfile, sweep: Sweep, place: Place) -> Scenario:
    """One case. Raises RequestError for a bundle that offers no way through the cloud."""
    trace = sweep.traces[place.trace]
    scenario = Scenario(
        bundle=bundle,
        device=slower(device, place.device_slower),
        cloud=faster(CloudEstimate.from_measurements(bundle.measurements), sweep.cloud_faster),
        rate=trace,
        mean_rate=trace.rate,
        round_trip=sweep.round_trip,
        offset=offset(sweep.demand.seed, trace.length),
        servers=sweep.servers,
        in_flight=sweep.in_flight,
        weights=sweep.weights,
        rules=Rules(
            deadline_ms=sweep.deadline_ms,
            allow_local=sweep.allow_local,
            max_loss=allowed_loss(bundle, sweep.max_loss),
        ),
    )
    scenario.check()
    return scenario


def requests_of(bundle: Bundle, sweep: Sweep, place: Place) -> list[Arrival]:
    """The requests of one case."""
    seconds = sweep.seconds or sweep.traces[place.trace].length
    max_tokens = bundle.manifest.limits.max_new_tokens
    return arrivals(replace(sweep.demand, rate=place.rate, seconds=seconds, max_tokens=max_tokens))


def _case(
    bundle: Bundle,
    device: DeviceProfile,
    sweep: Sweep,
    place: Place,
    kinds: Sequence[type[DecisionPolicy]],
    advance: Callable[[str], None],
) -> CaseResult:
    scenario, asked = scenario_of(bundle, device, sweep, place), requests_of(bundle, sweep, place)
    runs: dict[str, Played] = {}  # by the key of the policy: a fixed arm is played once
    played = []
    for kind in kinds:
        found = [_played(scenario, policy, asked, runs) for policy in kind.candidates(scenario)]
        if found:
            best = min(found, key=lambda run: run.score)
            played.append(replace(best, policy=kind.name))
        advance(kind.name)
    oracle = next(run for run in played if run.policy == OraclePolicy.name)
    summaries = tuple(summary(run, oracle, sweep.deadline_ms) for run in played)
    return CaseResult(place, scenario.offset, len(asked), summaries, tuple(played))


def _played(
    scenario: Scenario, policy: DecisionPolicy, asked: Sequence[Arrival], runs: dict[str, Played]
) -> Played:
    if policy.key not in runs:
        runs[policy.key] = Played(policy.name, policy.key, tuple(Simulation(scenario, policy).run(asked)))
    return runs[policy.key]
