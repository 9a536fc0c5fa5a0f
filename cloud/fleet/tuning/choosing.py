"""What devices would do: for each the arm that its policy takes, in each state of its link."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Calibration, Flags
from cloud.fleet.tuning.model import ArmCost
from cloud.fleet.tuning.observed import Values
from protos.costs.crowding import delay_of_others
from protos.costs.weights import Weights

_NEVER = 1e15  # a score that nobody takes


@dataclass(frozen=True, eq=False)
class FleetOutcome:
    """Of answers, an entry a device; times have one for each state and device."""

    times: Values
    bytes_up: Values
    joules: Values
    cloud_ms: Values
    accuracy: Values
    loss: Values
    loss_error: Values
    score: Values

    @property
    def mean_ms(self) -> Values:
        return np.asarray(self.times.mean(axis=0))


def outcome_of(cost: ArmCost, known: Calibration, weights: Weights) -> FleetOutcome:
    """Of an arm that every device takes always."""
    times, ones = known.total_ms(cost), np.ones(len(known.fixed))
    total = np.asarray(known.states.probability @ times)
    sent = cost.asked * cost.bytes_up(known.sizes)
    joules = known.joules_of(cost, total)
    return FleetOutcome(
        times=times,
        bytes_up=sent,
        joules=joules,
        cloud_ms=known.cloud_ms(cost),
        accuracy=ones * cost.arm.accuracy,
        loss=ones * cost.arm.loss,
        loss_error=ones * cost.arm.loss_error,
        score=np.asarray(known.states.probability @ scores(cost, known, weights, times)),
    )


def scores(cost: ArmCost, known: Calibration, weights: Weights, times: Values) -> Values:
    """As the device's policy has them: states, devices. Joules that are not known count nothing."""
    here, spent = known.here_ms(cost), known.fixed
    sending = cost.asked * known.network_ms(cost) if cost.asked else np.zeros_like(times)
    delay = delay_of_others(here, known.rate, spent) + delay_of_others(sending, known.rate, 0.0)  # type: ignore[arg-type]
    joules = np.nan_to_num(known.joules_of(cost, times))
    sent = cost.asked * cost.bytes_up(known.sizes)
    return np.asarray(weights.score(times + delay, cost.arm.loss, sent, joules))  # type: ignore[arg-type]


def chosen(
    costs: Sequence[ArmCost],
    known: Calibration,
    weights: Weights,
    usable: Sequence[Flags],
    deadline_ms: Values | None = None,
) -> tuple[FleetOutcome, Values]:
    """What a policy does that takes the arm of the least score in each state, and of each arm and device the
    share of answers. `usable`: for each arm, the devices that may take it. Arms that are late by a deadline
    are taken where all are, the least late first.
    """
    all_times = [known.total_ms(one) for one in costs]
    table = np.array([scores(one, known, weights, all_times[at]) for at, one in enumerate(costs)])
    if deadline_ms is not None:
        late = np.array(all_times) - deadline_ms
        table = np.where(late > 0, _NEVER / 2 + late, table)
    table = np.where(np.array(usable)[:, None, :], table, _NEVER)
    best = table.argmin(axis=0)
    shares = np.array([(best == at).mean(axis=0) for at in range(len(costs))])
    return _mixed(costs, known, weights, all_times, best, shares), shares


def _mixed(
    costs: Sequence[ArmCost],
    known: Calibration,
    weights: Weights,
    all_times: Sequence[Values],
    best: NDArray[np.intp],
    shares: Values,
) -> FleetOutcome:
    times = np.take_along_axis(np.array(all_times), best[None], axis=0)[0]
    score, joules = np.zeros_like(times), np.zeros_like(times)
    for at, one in enumerate(costs):
        here = best == at
        score += np.where(here, scores(one, known, weights, times), 0.0)
        joules += np.where(here, known.joules_of(one, times), 0.0)

    def mean(values: Sequence[Values | float]) -> Values:
        return np.asarray(sum(share * value for share, value in zip(shares, values, strict=True)))

    return FleetOutcome(
        times=times,
        bytes_up=mean([one.asked * one.bytes_up(known.sizes) for one in costs]),
        joules=joules.mean(axis=0),
        cloud_ms=mean([known.cloud_ms(one) for one in costs]),
        accuracy=mean([one.arm.accuracy for one in costs]),
        loss=mean([one.arm.loss for one in costs]),
        loss_error=mean([one.arm.loss_error for one in costs]),
        score=score.mean(axis=0),
    )
