"""For each class of devices and of links: what each way to answer would be, and which is best. Pure.

A pinned cut leaves a device its other ways to answer; so what settings would bring about is what its policy
does under them. One cut is recommended where that is about as good as the device's own choice among all: it
is simpler to foresee.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cloud.fleet.tuning.calibration import Calibration, Flags, calibrate
from cloud.fleet.tuning.choosing import FleetOutcome, Weighed, each_weight, usable_arms, weigh
from cloud.fleet.tuning.devices import HeldSettings
from cloud.fleet.tuning.groups import DeviceClass, Group, device_classes
from cloud.fleet.tuning.guarding import guards_for
from cloud.fleet.tuning.intervals import Replicates, mean_of
from cloud.fleet.tuning.links import link_rates
from cloud.fleet.tuning.model import KnownBundle, arm_costs
from cloud.fleet.tuning.observed import Observed, Period
from cloud.fleet.tuning.today import MEASURES, measured_measures, predicted_measures, shares_of
from protos.costs.weights import Weights

AUTO = "auto"
_ABOUT = 0.01  # of a score
_TAKEN, _ALMOST_ALL = 0.5, 0.95  # of answers, by an arm that is pinned, or named as the best


@dataclass(frozen=True)
class Wishes:
    """What an operator asks for. `weights`: None, those that most of each class has now."""

    weights: Weights | None = None
    min_accuracy: float | None = None  # percent
    kind: str = ""
    link_class: str = ""


@dataclass(frozen=True, eq=False)
class _Fleet:
    """What is known of the devices with a bundle."""

    seen: Observed
    period: Period
    known: Calibration
    classes: list[DeviceClass]
    weights: Mapping[int, Weights]  # by the place of a class
    weighed: Weighed
    accurate: list[bool]  # an entry an arm
    usable: Flags  # arms, devices; whatever is pinned now

    @property
    def max_loss(self) -> float | None:
        """The rule by which a device leaves out what is not accurate enough."""
        costs = self.weighed.costs
        lost = [one.arm.loss for one, ok in zip(costs, self.accurate, strict=True) if not ok]
        if not lost:
            return None
        return round(max((one.arm.loss for one in costs if one.arm.loss < min(lost)), default=0.0), 6)

    @property
    def within_loss(self) -> Flags:
        """Which arms that rule leaves: an entry an arm."""
        limit = np.inf if self.max_loss is None else self.max_loss + 1e-9
        return np.array([one.arm.loss <= limit for one in self.weighed.costs])


def tune(bundle: KnownBundle, seen: Observed, wishes: Wishes) -> dict[str, Any]:
    """Groups, each with its points, and what is not known."""
    fleet = _fleet(bundle, seen, wishes)
    pins = _pins(fleet)
    outcomes = [fleet.weighed.always(arm) for arm in range(len(fleet.weighed.costs))]
    free = fleet.usable & fleet.within_loss[:, None]
    automatic = fleet.weighed.chosen(_under_pins(fleet) & free)
    expected = fleet.weighed.chosen(_under(fleet, pins, free))
    groups, unknown = [], []
    for place, one in enumerate(fleet.classes):
        told = {**one.told(), "bundle": bundle.digest}
        if one.group is None:
            unknown.append({**told, "devices": one.devices, "reason": one.reason})
            continue
        group, weights = one.group, fleet.weights[place]
        today = measured_measures(fleet.weighed.costs, fleet.known, fleet.period, group)
        will = _policy(fleet, expected, group, today)
        groups.append(
            {
                **told,
                "devices": len(group.at),
                "left_out": one.odd,
                "answers": int(group.answers.sum()),
                "link": _link(fleet, group),
                "weights": _weights(weights),
                "today": _today(fleet, group, today),
                "points": _with_front(
                    [_point(fleet, arm, outcomes[arm], group, today) for arm in range(len(outcomes))]
                ),
                "policy": _policy(fleet, automatic, group, today),
                "best": _name(fleet, pins.get(place), will),
                "expected": will,
                "settings": _settings(fleet, pins.get(place), weights),
                "guards": guards_for(will["change"], today),
                "names": [seen.devices[index].name for index in group.at],
            }
        )
    return {"groups": groups, "not_known": unknown}


def _fleet(bundle: KnownBundle, seen: Observed, wishes: Wishes) -> _Fleet:
    costs, period = arm_costs(bundle, seen.devices), seen.whole
    known = calibrate(costs, period, seen.kinds)
    classes = device_classes(seen, period, known, wishes.kind, wishes.link_class)
    held = [device.settings for device in seen.devices]
    by_class = {}
    for place, one in enumerate(classes):
        if one.group is not None:
            usual = _usual([held[index] for index in one.group.at])
            by_class[place] = wishes.weights or usual.policy_weights()
            for index in one.group.at:
                held[index] = usual
    least = wishes.min_accuracy
    return _Fleet(
        seen,
        period,
        known,
        classes,
        by_class,
        weigh(costs, known, wishes.weights or each_weight(held)),
        [least is None or one.arm.accuracy >= least for one in costs],
        usable_arms(costs, seen.devices, lambda settings: replace(settings.policy_rules(cuts=False))),
    )


def _usual(held: list[HeldSettings]) -> HeldSettings:
    """The weights that most devices have."""
    ((weights, _),) = Counter(one.weights for one in held).most_common(1)
    return HeldSettings(weights=weights)


def _under_pins(fleet: _Fleet) -> Flags:
    """What devices may do as long as their cuts are as they are: no rollout takes a pin away."""
    costs, devices = fleet.weighed.costs, fleet.seen.devices
    return usable_arms(costs, devices, lambda settings: settings.policy_rules())


def _pins(fleet: _Fleet) -> dict[int, int]:
    """The arm that each class is to be pinned at, where one is about as good as the devices' own choice."""
    free = fleet.usable & fleet.within_loss[:, None]
    pinned, taken = fleet.weighed.pinned(free)
    own = fleet.weighed.chosen(_under_pins(fleet) & free).score
    found = {}
    for place, one in enumerate(fleet.classes):
        if one.group is None:
            continue
        at, answers = one.group.at, one.group.answers
        everywhere = fleet.usable[:, at].all(axis=1) & np.array(fleet.accurate)
        everywhere &= taken[:, at] @ answers > _TAKEN * answers.sum()
        scores = np.where(everywhere, pinned[:, at] @ answers / max(answers.sum(), 1.0), np.inf)
        alone = float(own[at] @ answers / max(answers.sum(), 1.0))
        if scores.min() <= alone + abs(alone) * _ABOUT:
            found[place] = int(scores.argmin())
    return found


def _under(fleet: _Fleet, pins: Mapping[int, int], free: Flags) -> Flags:
    """What devices may do under the settings that are recommended."""
    found = _under_pins(fleet) & free
    splits = np.array([one.arm.sends_features for one in fleet.weighed.costs])
    for place, arm in pins.items():
        group = fleet.classes[place].group
        if group is not None:
            only = ~splits
            only[arm] = True
            found[:, group.at] = free[:, group.at] & only[:, None]
    return found


def _point(
    fleet: _Fleet, arm: int, outcome: FleetOutcome, group: Group, today: Mapping[str, Replicates]
) -> dict[str, Any]:
    cost = fleet.weighed.costs[arm]
    return {
        "name": cost.arm.name,
        **cost.told._asdict(),
        **_measures(outcome, group, today),
        "answers": int(fleet.period.arms[cost.told]["count"][group.at].sum()),
        "possible": round(float(fleet.usable[arm, group.at].mean()), 4),
        "accurate": fleet.accurate[arm],
    }


def _policy(
    fleet: _Fleet, outcome: FleetOutcome, group: Group, today: Mapping[str, Replicates]
) -> dict[str, Any]:
    shares = outcome.arms[:, group.at] @ group.answers / max(group.answers.sum(), 1.0)
    ranked = sorted(zip(fleet.weighed.costs, shares, strict=True), key=lambda pair: -pair[1])
    arms = {one.arm.name: round(float(share), 4) for one, share in ranked if share > 0}
    return {"arms": arms, **_measures(outcome, group, today)}


def _measures(outcome: FleetOutcome, group: Group, today: Mapping[str, Replicates]) -> dict[str, Any]:
    """Each measure, its score, and by how much it differs from today's."""
    measures = predicted_measures(outcome, group)
    error = {"accuracy": float(outcome.loss_error[group.at].mean())}
    return {
        **{name: measures[name].estimate(error.get(name, 0.0)).json() for name in MEASURES},
        "score": mean_of(outcome.score[group.at], group.answers, group.dealt).estimate().json(),
        "change": {
            name: measures[name].minus(today[name]).estimate(error.get(name, 0.0)).json() for name in MEASURES
        },
    }


def _today(fleet: _Fleet, group: Group, today: Mapping[str, Replicates]) -> dict[str, Any]:
    arms = shares_of(fleet.weighed.costs, fleet.period, group.at)
    return {"arms": arms, **{name: today[name].estimate().json() for name in MEASURES}}


def _link(fleet: _Fleet, group: Group) -> dict[str, float]:
    """The median device's."""
    return {
        "uplink_bits_per_second": float(np.median(link_rates(fleet.period)[group.at])),
        "round_trip_milliseconds": float(np.median(fleet.known.states.round_trip_ms[0, group.at])),
    }


def _name(fleet: _Fleet, pin: int | None, expected: Mapping[str, Any]) -> str:
    """Of the point that is best: the one to pin, or that devices take by themselves."""
    if pin is not None:
        return fleet.weighed.costs[pin].arm.name
    name, share = next(iter(expected["arms"].items()), ("", 0.0))
    return name if share > _ALMOST_ALL else AUTO


def _settings(fleet: _Fleet, pin: int | None, weights: Weights) -> dict[str, Any]:
    """By which devices do so: FleetSettings."""
    found: dict[str, Any] = {"weights": _weights(weights)}
    if pin is not None:
        arm = fleet.weighed.costs[pin].arm
        found["cuts"] = {"pinned": arm.cut, "codec": arm.coding}
    if fleet.max_loss is not None:
        found["rules"] = {"max_loss": fleet.max_loss}
    return found


def _weights(weights: Weights) -> dict[str, float]:
    return {"accuracy": weights.accuracy_point, "kilobyte": weights.kilobyte, "joule": weights.joule}


def _with_front(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`front`: no other is as good in time, bytes and accuracy, and better in one."""
    signs = {"milliseconds": 1, "bytes": 1, "accuracy": -1}
    merits = [tuple(sign * point[name]["value"] for name, sign in signs.items()) for point in points]

    def beaten(mine: tuple[float, ...]) -> bool:
        return any(
            other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in merits
        )

    return [{**point, "front": not beaten(mine)} for point, mine in zip(points, merits, strict=True)]
