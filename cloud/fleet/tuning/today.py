"""What the fleet did in a period, as it told; and how well the model says the same."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Calibration
from cloud.fleet.tuning.choosing import FleetOutcome
from cloud.fleet.tuning.groups import Group
from cloud.fleet.tuning.intervals import Replicates, mean_of, quantiles_of
from cloud.fleet.tuning.links import STATES
from cloud.fleet.tuning.model import ArmCost
from cloud.fleet.tuning.observed import Period, Values

_WITHIN = 0.32  # of a normal distribution in five equal parts: standard deviation of a part about its mean
SHARES = (0.5, 0.95)
MEASURES = ("milliseconds", "p50", "p95", "bytes", "joules", "accuracy", "cloud_milliseconds")


def predicted_measures(outcome: FleetOutcome, group: Group) -> dict[str, Replicates]:
    """By MEASURES: of what would be."""
    at, weights, dealt = group.at, group.answers, group.dealt
    times, shares = outcome.times[:, at], outcome.shares[:, at] * weights
    half, most = quantiles_of(times, shares, dealt, group.scatter, SHARES)
    return {
        "milliseconds": mean_of(outcome.mean_ms[at], weights, dealt),
        "p50": half,
        "p95": most,
        "bytes": mean_of(outcome.bytes_up[at], weights, dealt),
        "joules": mean_of(outcome.joules[at], weights, dealt),
        "accuracy": mean_of(outcome.accuracy[at], weights, dealt),
        "cloud_milliseconds": mean_of(outcome.cloud_ms[at], weights, dealt),
    }


def measured_measures(
    costs: Sequence[ArmCost], known: Calibration, period: Period, group: Group
) -> dict[str, Replicates]:
    """By MEASURES: of what was. Accuracies are the report's, of the arms that answered; what the cloud takes
    is its share of the model, since stages are told of all arms together.
    """
    at, dealt = group.at, group.dealt
    count, metered = _summed(costs, period, "count"), _summed(costs, period, "metered")
    each = np.maximum(count, 1.0)
    spread = [_logarithms(period.arms[one.told]) for one in costs]
    times = np.concatenate([points for points, _ in spread])[:, at]
    told = np.concatenate([weights for _, weights in spread])[:, at]
    weights = told * group.answers / np.maximum(told.sum(axis=0), 1.0)
    scatter = _WITHIN * _spread_within(costs, period, group)
    half, most = quantiles_of(times * np.exp(scatter**2 / 2), weights, dealt, scatter, SHARES)
    joules = np.where(metered > 0, _summed(costs, period, "joules") / np.maximum(metered, 1.0), 0.0)
    counts = [(one, period.arms[one.told]["count"]) for one in costs]
    means = {
        "milliseconds": _summed(costs, period, "milliseconds") / each,
        "bytes": _summed(costs, period, "bytes_up") / each,
        "accuracy": np.asarray(sum(n * one.arm.accuracy for one, n in counts)) / each,
        "cloud_milliseconds": np.asarray(sum(n * known.cloud_ms(one) for one, n in counts)) / each,
    }
    found = {name: mean_of(values[at], group.answers, dealt) for name, values in means.items()}
    found["joules"] = mean_of(joules[at], np.minimum(metered[at], group.answers), dealt)
    if not metered[at].any():
        found["joules"] = Replicates(np.nan, found["joules"].without)
    return {"p50": half, "p95": most, **found}


def shares_of(costs: Sequence[ArmCost], period: Period, at: NDArray[np.intp]) -> dict[str, float]:
    """Of answers, by arm, the most first."""
    counts = {one.arm.name: float(period.arms[one.told]["count"][at].sum()) for one in costs}
    total = max(sum(counts.values()), 1.0)
    ranked = sorted(counts.items(), key=lambda pair: -pair[1])
    return {name: round(count / total, 4) for name, count in ranked if count}


def _summed(costs: Sequence[ArmCost], period: Period, name: str) -> Values:
    return np.asarray(sum((period.arms[one.told][name] for one in costs), np.zeros_like(period.answers)))


def _logarithms(arm: Mapping[str, Values]) -> tuple[Values, Values]:
    """Times of an arm on each device as five points of equal weight, and the weights."""
    count = np.maximum(arm["timed"], 1.0)
    mean = arm["log_milliseconds"] / count
    variance = np.maximum(arm["log_milliseconds_squares"] / count - mean**2, 0.0)
    points = np.exp(mean + STATES[:, None] * np.sqrt(variance))
    return points, np.broadcast_to(arm["timed"] / len(STATES), points.shape)


def _spread_within(costs: Sequence[ArmCost], period: Period, group: Group) -> float:
    """The standard deviation of a logarithm within an arm of a device, over all."""
    squares = timed = np.zeros(len(group.at))
    for one in costs:
        arm = {name: values[group.at] for name, values in period.arms[one.told].items()}
        mean = arm["log_milliseconds"] / np.maximum(arm["timed"], 1.0)
        squares = squares + np.maximum(arm["log_milliseconds_squares"] - arm["timed"] * mean**2, 0.0)
        timed = timed + arm["timed"]
    return float(np.sqrt(group.answers @ (squares / np.maximum(timed, 1.0)) / max(group.answers.sum(), 1.0)))
