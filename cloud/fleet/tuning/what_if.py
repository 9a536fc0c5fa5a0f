"""What would have been, with other settings, another bundle or another price, beside what was. Pure.

The model is calibrated on what was measured; its difference between what was done and what would have been is
what counts, so that an error that both share cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Flags, calibrate
from cloud.fleet.tuning.choosing import FleetOutcome, Weighed, each_weight, told_shares, usable_arms, weigh
from cloud.fleet.tuning.devices import HeldSettings
from cloud.fleet.tuning.groups import DeviceClass, Group, all_of, device_classes, group_of
from cloud.fleet.tuning.intervals import Replicates
from cloud.fleet.tuning.model import ArmCost, KnownBundle, arm_costs, speeds_of
from cloud.fleet.tuning.observed import Observed, Values
from cloud.fleet.tuning.reproduction import choices_reproduced, reproduced
from cloud.fleet.tuning.today import MEASURES, measured_measures, predicted_measures, shares_of
from protos.arms.rules import AUTO
from protos.errors import RequestError

_MAX_NAMED = 10
_MEGABYTE = 1e6


@dataclass(frozen=True)
class Alternative:
    """What is asked about. `settings`: what each device's would be; `changed`: whether any differ from those
    that it has, or a route is forced.
    """

    settings: Sequence[HeldSettings]
    changed: bool = False
    route: str = AUTO
    bundle: KnownBundle | None = None  # another than is in force
    price_per_megabyte: float | None = None
    second_worth: float | None = None  # in the price's money: what bytes are weighed by
    kind: str = ""
    link_class: str = ""


def what_if(bundle: KnownBundle, seen: Observed, asked: Alternative, hours: float) -> dict[str, Any]:
    """All devices together and each class by itself. Raises RequestError where no device can be judged, or
    one would have no way to answer.
    """
    costs, period = arm_costs(bundle, seen.devices), seen.whole
    known = calibrate(costs, period, seen.kinds)
    classes = device_classes(seen, period, known, asked.kind, asked.link_class)
    at = all_of(classes)
    if not len(at):
        reasons = "; ".join(sorted({one.reason for one in classes})) or "no device is of that class"
        raise RequestError(f"nothing is known of what would be: {reasons}")
    now = weigh(costs, known, each_weight([device.settings for device in seen.devices]))
    as_told = now.mixed(told_shares(costs, period))
    new = _would(bundle, seen, now, as_told, asked, at)
    usable_now = usable_arms(costs, seen.devices, lambda held: held.policy_rules())
    places: list[tuple[DeviceClass | None, Group]] = [(None, group_of(seen, period, known, at))]
    places += [(one, one.group) for one in classes if one.group]
    return {
        "groups": [
            _compared(one, group, seen, costs, now, as_told, new, asked, hours) for one, group in places
        ],
        "model": reproduced(costs, seen, at),
        "choices": choices_reproduced(now, usable_now, seen, at),
        "not_known": [
            {**one.told(), "devices": one.devices, "reason": one.reason} for one in classes if one.reason
        ],
    }


def _would(
    bundle: KnownBundle,
    seen: Observed,
    now: Weighed,
    as_told: FleetOutcome,
    asked: Alternative,
    at: NDArray[np.intp],
) -> tuple[Weighed, FleetOutcome]:
    worth = asked.second_worth and asked.price_per_megabyte is not None
    if not (asked.changed or asked.bundle or worth):
        return now, as_told
    costs: Sequence[ArmCost] = now.costs
    if asked.bundle:
        costs = arm_costs(asked.bundle, seen.devices, speeds_of(bundle, seen.devices))
    weights = each_weight(asked.settings)
    if asked.second_worth and asked.price_per_megabyte is not None:
        weights = replace(weights, kilobyte=asked.price_per_megabyte / asked.second_worth)
    weighed = weigh(costs, now.known, weights)
    usable = _usable(costs, seen, asked)
    _check_ways([seen.devices[index].name for index in at if not usable[:, index].any()])
    limits = [one.rules.deadline_milliseconds or np.inf for one in asked.settings]
    deadline = np.array(limits) if np.isfinite(limits).any() else None
    return weighed, weighed.chosen(usable, deadline)


def _check_ways(stuck: Sequence[str]) -> None:
    """Raises RequestError where devices are stuck."""
    if stuck:
        more = f" and {len(stuck) - _MAX_NAMED} more" if len(stuck) > _MAX_NAMED else ""
        named = ", ".join(stuck[:_MAX_NAMED])
        raise RequestError(f"{len(stuck)} devices would have no way to answer: {named}{more}; allow one")


def _usable(costs: Sequence[ArmCost], seen: Observed, asked: Alternative) -> Flags:
    devices = [
        device._replace(settings=settings)
        for device, settings in zip(seen.devices, asked.settings, strict=True)
    ]
    return usable_arms(costs, devices, lambda held: replace(held.policy_rules(), route=asked.route))


def _compared(
    one: DeviceClass | None,
    group: Group,
    seen: Observed,
    costs: Sequence[ArmCost],
    now: Weighed,
    as_told: FleetOutcome,
    new: tuple[Weighed, FleetOutcome],
    asked: Alternative,
    hours: float,
) -> dict[str, Any]:
    weighed, outcome = new
    was = measured_measures(costs, now.known, seen.whole, group)
    model, would = predicted_measures(as_told, group), predicted_measures(outcome, group)
    found: dict[str, Any] = one.told() if one else {"class": "", "link_class": ""}
    found |= {
        "devices": len(group.at),
        "answers": int(group.answers.sum()),
        "was": {"arms": shares_of(costs, seen.whole, group.at), **_told(was)},
        "model_of_was": _told(model),
        "would": {"arms": _arms(weighed.costs, outcome, group), **_told(would)},
        "change": {name: would[name].minus(model[name]).estimate().json() for name in MEASURES},
    }
    if asked.price_per_megabyte is not None:
        a_day = group.answers.sum() * 24 / hours * asked.price_per_megabyte / _MEGABYTE
        found["cost_a_day"] = {
            name: _scaled(measure["bytes"], a_day) for name, measure in (("was", was), ("would", would))
        }
    return found


def _told(measures: dict[str, Replicates]) -> dict[str, Any]:
    return {name: measures[name].estimate().json() for name in MEASURES}


def _scaled(one: Replicates, factor: float) -> dict[str, float] | None:
    return Replicates(one.value * factor, one.without * factor).estimate().json()


def _arms(costs: Sequence[ArmCost], outcome: FleetOutcome, group: Group) -> dict[str, float]:
    shares: Values = outcome.arms[:, group.at] @ group.answers / max(group.answers.sum(), 1.0)
    ranked = sorted(zip(costs, shares, strict=True), key=lambda pair: -pair[1])
    return {one.arm.name: round(float(share), 4) for one, share in ranked if share > 0}
