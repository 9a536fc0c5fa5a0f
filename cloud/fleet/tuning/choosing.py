"""What devices would do: for each the arm that its policy takes, in each state of its link."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Calibration, Flags
from cloud.fleet.tuning.devices import HeldSettings, TunedDevice
from cloud.fleet.tuning.model import ArmCost, allowed
from cloud.fleet.tuning.observed import Period, Values
from protos.arms.rules import Rules
from protos.costs.crowding import delay_of_others
from protos.costs.weights import Weights

_NEVER = 1e15  # a score that nobody takes


@dataclass(frozen=True, eq=False)
class FleetOutcome:
    """Of answers, an entry a device; of times several, with the share of answers that each is of."""

    times: Values
    shares: Values
    bytes_up: Values
    joules: Values
    cloud_ms: Values
    accuracy: Values
    loss_error: Values
    score: Values
    arms: Values  # arms, devices: shares of answers

    @property
    def mean_ms(self) -> Values:
        return np.asarray((self.times * self.shares).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Weighed:
    """Every arm in every state of every device's link. `times`, `scores`: arms, states, devices."""

    costs: Sequence[ArmCost]
    known: Calibration
    times: Values
    scores: Values

    def always(self, arm: int) -> FleetOutcome:
        """Where each device answers by one arm."""
        shares = np.zeros((len(self.costs), self.times.shape[2]))
        shares[arm] = 1.0
        return self.mixed(shares)

    def mixed(self, arms: Values) -> FleetOutcome:
        """Where each device answers by arms in these shares, whatever its link is."""
        _, states, devices = self.times.shape
        used = np.flatnonzero(arms.any(axis=1))
        taken = np.broadcast_to(np.repeat(used, states)[:, None], (len(used) * states, devices))
        shares = np.repeat(arms[used] / states, states, axis=0)
        times, scores = (table[used].reshape(-1, devices) for table in (self.times, self.scores))
        return self._outcome(times, scores, shares, arms, taken)

    def chosen(self, usable: Flags, deadline_ms: Values | None = None) -> FleetOutcome:
        """What a policy does that takes the arm of the least score in each state. `usable`: arms, devices.
        Arms that are late by a deadline are taken where all are, the least late first.
        """
        table = self.scores
        if deadline_ms is not None:
            late = self.times - deadline_ms
            table = np.where(late > 0, _NEVER / 2 + late, table)
        best = np.where(usable[:, None, :], table, _NEVER).argmin(axis=0)
        times, scores = (
            np.take_along_axis(table, best[None], axis=0)[0] for table in (self.times, self.scores)
        )
        arms = np.array([(best == arm).mean(axis=0) for arm in range(len(self.costs))])
        return self._outcome(times, scores, np.full(times.shape, 1 / len(times)), arms, best)

    def pinned(self, usable: Flags) -> tuple[Values, Values]:
        """Where splits are at one arm alone, for each arm that is a split: the mean score, and the share of
        answers that come by it. Both are arms, devices.
        """
        table = np.where(usable[:, None, :], self.scores, _NEVER)
        splits = np.array([one.arm.sends_features for one in self.costs])
        others = table[~splits].min(axis=0, initial=_NEVER)
        scores, taken = np.full(usable.shape, np.inf), np.zeros(usable.shape)
        for arm in np.flatnonzero(splits):
            scores[arm] = np.minimum(table[arm], others).mean(axis=0)
            taken[arm] = (table[arm] < others).mean(axis=0)
        return scores, taken

    def _outcome(
        self, times: Values, scores: Values, shares: Values, arms: Values, taken: NDArray[np.intp]
    ) -> FleetOutcome:
        """`taken`: the arm of each time."""
        joules = np.zeros_like(times)
        used = [(one, share) for one, share in zip(self.costs, arms, strict=True) if share.any()]
        for arm, one in enumerate(self.costs):
            if arms[arm].any():
                joules += np.where(taken == arm, self.known.joules_of(one, times), 0.0)

        def mean(of: Callable[[ArmCost], Values | float]) -> Values:
            return np.asarray(sum((share * of(one) for one, share in used), np.zeros(times.shape[1])))

        return FleetOutcome(
            times=times,
            shares=shares,
            bytes_up=mean(lambda one: one.asked * one.bytes_up(self.known.sizes)),
            joules=(joules * shares).sum(axis=0),
            cloud_ms=mean(self.known.cloud_ms),
            accuracy=mean(lambda one: one.arm.accuracy),
            loss_error=mean(lambda one: one.arm.loss_error),
            score=(scores * shares).sum(axis=0),
            arms=arms,
        )


def weigh(costs: Sequence[ArmCost], known: Calibration, weights: Weights) -> Weighed:
    """As the devices' policy does. A weight may be an array, of an entry a device."""
    times = np.array([known.total_ms(one) for one in costs])
    scores = np.array([_scores(one, known, weights, times[arm]) for arm, one in enumerate(costs)])
    return Weighed(costs, known, times, scores)


def _scores(cost: ArmCost, known: Calibration, weights: Weights, times: Values) -> Values:
    """States, devices. Joules that are not known count nothing."""
    here, spent = known.here_ms(cost), known.fixed
    sending = cost.asked * known.network_ms(cost) if cost.asked else np.zeros_like(times)
    delay = delay_of_others(here, known.rate, spent) + delay_of_others(sending, known.rate, 0.0)  # type: ignore[arg-type]
    joules = np.nan_to_num(known.joules_of(cost, times))
    sent = cost.asked * cost.bytes_up(known.sizes)
    return np.asarray(weights.score(times + delay, cost.arm.loss, sent, joules))  # type: ignore[arg-type]


def usable_arms(
    costs: Sequence[ArmCost], devices: Sequence[TunedDevice], rules_of: Callable[[HeldSettings], Rules]
) -> Flags:
    """Which device has an arm, and may take it by its rules: arms, devices."""
    by_settings = {device.settings: rules_of(device.settings) for device in devices}
    found = []
    for one in costs:
        may = {settings: allowed(one.arm, rules) for settings, rules in by_settings.items()}
        found.append(np.array([may[device.settings] for device in devices], bool) & one.possible)
    return np.array(found).reshape(len(costs), len(devices))


def each_weight(held: Sequence[HeldSettings]) -> Weights:
    """Of every device, as arrays."""
    fields = [[one.weights.accuracy, one.weights.kilobyte, one.weights.joule] for one in held]
    accuracy, kilobyte, joule = np.array(fields, float).reshape(-1, 3).T
    return Weights(1.0, accuracy, kilobyte, joule)  # type: ignore[arg-type]


def told_shares(costs: Sequence[ArmCost], period: Period) -> Values:
    """By which arms answers came: arms, devices. Zeros for a device without any."""
    counts = np.array([period.arms[one.told]["count"] for one in costs])
    return np.asarray(counts / np.maximum(counts.sum(axis=0), 1.0))
