"""For each class of devices and of links: what each way to answer would be, and which is best. Pure.

A class of fewer than five devices, or one whose link is not known, is told as not known.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cloud.fleet.tuning.calibration import Calibration, Flags, calibrate
from cloud.fleet.tuning.choosing import FleetOutcome, chosen, outcome_of
from cloud.fleet.tuning.devices import HeldSettings, TunedDevice
from cloud.fleet.tuning.intervals import Replicates, dealt, mean_of
from cloud.fleet.tuning.links import UNKNOWN, link_classes, link_rates
from cloud.fleet.tuning.model import ArmCost, KnownBundle, allowed, arm_costs
from cloud.fleet.tuning.observed import Observed, Period, Values
from cloud.fleet.tuning.today import MEASURES, Group, measured_measures, predicted_measures, shares_of
from protos.arms.rules import Rules
from protos.costs.weights import Weights

FEWEST_DEVICES = 5
_FEWEST_ANSWERS = 20  # of a device that is counted
AUTO = "auto"
_ABOUT = 0.01  # of a score: a pinned cut that is as good is taken, since it is simpler to foresee


@dataclass(frozen=True)
class Wishes:
    """What an operator asks for. `weights`: None, those that each class has now, as most of it has."""

    weights: Weights | None = None
    min_accuracy: float | None = None  # percent
    kind: str = ""
    link_class: str = ""


@dataclass(frozen=True, eq=False)
class _Fleet:
    bundle: KnownBundle
    devices: Sequence[TunedDevice]
    costs: Sequence[ArmCost]
    period: Period
    known: Calibration
    usable: Sequence[Flags]  # an entry an arm: by what devices have and what their rules allow
    links: np.ndarray[Any, np.dtype[np.str_]]
    counted: Flags


def tune(bundle: KnownBundle, seen: Observed, wishes: Wishes) -> dict[str, Any]:
    """Groups, each with its points, and what is not known."""
    costs = arm_costs(bundle, seen.devices)
    period = seen.whole
    known = calibrate(costs, period, seen.kinds)
    fleet = _Fleet(
        bundle,
        seen.devices,
        costs,
        period,
        known,
        usable_arms(costs, seen.devices),
        link_classes(period),
        np.asarray(period.answers >= _FEWEST_ANSWERS),
    )
    groups, unknown = [], []
    for kind, link in _classes(seen, fleet.links, wishes):
        within = (seen.kinds == kind) & (fleet.links == link)
        at = np.flatnonzero(within & fleet.counted)
        reason = _unknown(link, len(at), int(within.sum()))
        told = {"class": kind, "link_class": link, "bundle": bundle.digest}
        if reason:
            unknown.append({**told, "devices": int(within.sum()), "reason": reason})
        else:
            groups.append({**told, **_judged(fleet, at, wishes)})
    return {"groups": groups, "not_known": unknown}


def usable_arms(costs: Sequence[ArmCost], devices: Sequence[TunedDevice]) -> list[Flags]:
    """Of each arm the devices that have it, and whose rules allow it but for those about cuts, which tuning
    turns.
    """
    distinct = {device.settings.rules: Rules() for device in devices}
    for device in devices:
        told = device.settings.policy_rules()
        distinct[device.settings.rules] = Rules(
            never_upload=told.never_upload,
            never_leave_device=told.never_leave_device,
            allow_local=told.allow_local,
            max_loss=told.max_loss,
        )
    found = []
    for one in costs:
        by_rules = {rules: allowed(one.arm, policy) for rules, policy in distinct.items()}
        may = np.array([by_rules[device.settings.rules] for device in devices], bool)
        found.append(may & one.possible)
    return found


def _classes(seen: Observed, links: Any, wishes: Wishes) -> list[tuple[str, str]]:
    pairs = sorted({(str(kind), str(link)) for kind, link in zip(seen.kinds, links, strict=True)})
    return [
        (kind, link) for kind, link in pairs if wishes.kind in ("", kind) and wishes.link_class in ("", link)
    ]


def _unknown(link: str, counted: int, devices: int) -> str:
    if link == UNKNOWN:
        return f"{devices} devices have told no link that they have used"
    if counted < FEWEST_DEVICES:
        return (
            f"{counted} of {devices} devices gave {_FEWEST_ANSWERS} answers or more; {FEWEST_DEVICES} are "
            "needed"
        )
    return ""


def _judged(fleet: _Fleet, at: np.ndarray[Any, np.dtype[np.intp]], wishes: Wishes) -> dict[str, Any]:
    names = [fleet.devices[index].name for index in at]
    scatter = float(np.sqrt(np.mean(fleet.known.scatter[at] ** 2)))
    group = Group(at, dealt(names), fleet.period.answers[at], scatter)
    weights = wishes.weights or _usual_weights(fleet.devices, at)
    today = measured_measures(fleet.costs, fleet.known, fleet.period, group)
    least = wishes.min_accuracy
    accurate = [least is None or one.arm.accuracy >= least for one in fleet.costs]
    points, scores = [], {}
    for cost, usable, ok in zip(fleet.costs, fleet.usable, accurate, strict=True):
        outcome = outcome_of(cost, fleet.known, weights)
        share = float(usable[at].mean())
        score = mean_of(outcome.score[at], group.answers, group.dealt)
        if ok and share == 1:
            scores[cost.arm.name] = score
        measures = predicted_measures(outcome, group)
        points.append(
            {
                "name": cost.arm.name,
                **cost.told._asdict(),
                **_told(measures, cost.arm.loss_error, today),
                "score": score.estimate().json(),
                "answers": int(fleet.period.arms[cost.told]["count"][at].sum()),
                "possible": round(share, 4),
                "accurate": ok,
            }
        )
    loss = _max_loss(fleet.costs, accurate)
    automatic, shares = _automatic(fleet, weights, loss)
    auto = mean_of(automatic.score[at], group.answers, group.dealt)
    best = _best(scores, auto, loss)
    error = float(automatic.loss_error[at].mean())
    policy = {
        "name": AUTO,
        "arms": _shares(fleet.costs, shares[:, at], group.answers),
        **_told(predicted_measures(automatic, group), error, today),
        "score": auto.estimate().json(),
    }
    saving = policy if best == AUTO else next(point for point in points if point["name"] == best)
    return {
        "devices": len(at),
        "answers": int(group.answers.sum()),
        "link": {
            "uplink_bits_per_second": float(np.median(link_rates(fleet.period)[at])),
            "round_trip_milliseconds": float(np.median(fleet.known.states.round_trip_ms[0, at])),
        },
        "weights": _weights(weights),
        "today": {
            "arms": shares_of(fleet.costs, fleet.period, at),
            **{name: today[name].estimate().json() for name in MEASURES},
        },
        "points": _with_front(points),
        "policy": policy,
        "best": best,
        "change": saving["change"],
        "settings": _settings(fleet, best, weights, loss),
    }


def _automatic(fleet: _Fleet, weights: Weights, loss: float | None) -> tuple[FleetOutcome, Values]:
    usable = [
        flags & (loss is None or one.arm.loss <= loss)
        for one, flags in zip(fleet.costs, fleet.usable, strict=True)
    ]
    return chosen(fleet.costs, fleet.known, weights, usable)


def _told(
    measures: Mapping[str, Replicates], loss_error: float, today: Mapping[str, Replicates]
) -> dict[str, Any]:
    """Each measure, and by how much it differs from today's."""
    errors = {"accuracy": loss_error}
    return {
        **{name: measures[name].estimate(errors.get(name, 0.0)).json() for name in MEASURES},
        "change": {
            name: measures[name].minus(today[name]).estimate(errors.get(name, 0.0)).json()
            for name in MEASURES
        },
    }


def _max_loss(costs: Sequence[ArmCost], accurate: Sequence[bool]) -> float | None:
    """The rule by which a device's own policy leaves out what is not accurate enough: points below the least
    loss of these.
    """
    lost = [one.arm.loss for one, ok in zip(costs, accurate, strict=True) if not ok]
    if not lost:
        return None
    kept = [one.arm.loss for one in costs if one.arm.loss < min(lost)]
    return round(max(kept, default=0.0), 6)


def _best(scores: Mapping[str, Replicates], auto: Replicates, loss: float | None) -> str:
    """A single arm, where it is about as good as the device's own choice."""
    if not scores:
        return AUTO
    name = min(scores, key=lambda name: scores[name].value)
    own = auto.value if loss is None or loss > 0 else np.inf
    about = abs(own) * _ABOUT if np.isfinite(own) else 0.0
    return name if scores[name].value <= own + about else AUTO


def _settings(fleet: _Fleet, best: str, weights: Weights, loss: float | None) -> dict[str, Any]:
    """By which devices do so: FleetSettings."""
    found: dict[str, Any] = {"weights": _weights(weights)}
    cost = next((one for one in fleet.costs if one.arm.name == best), None)
    if cost and cost.arm.sends_features:
        found["cuts"] = {"pinned": cost.arm.cut, "codec": cost.arm.coding}
    if loss is not None:
        found["rules"] = {"max_loss": loss}
    return found


def _usual_weights(devices: Sequence[TunedDevice], at: Any) -> Weights:
    """Those that most of the devices have."""
    ((settings, _),) = Counter(devices[index].settings.weights for index in at).most_common(1)
    return HeldSettings(weights=settings).policy_weights()


def _weights(weights: Weights) -> dict[str, float]:
    return {
        "accuracy": weights.accuracy_point / weights.millisecond,
        "kilobyte": weights.kilobyte / weights.millisecond,
        "joule": weights.joule / weights.millisecond,
    }


def _shares(costs: Sequence[ArmCost], shares: Values, answers: Values) -> dict[str, float]:
    of = shares @ answers / max(answers.sum(), 1.0)
    ranked = sorted(zip(costs, of, strict=True), key=lambda pair: -pair[1])
    return {one.arm.name: round(float(share), 4) for one, share in ranked if share > 0}


def _with_front(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`front`: no other is as good in time, bytes and accuracy, and better in one."""

    def merits(point: dict[str, Any]) -> tuple[float, float, float]:
        return (
            point["milliseconds"]["value"],
            point["bytes"]["value"],
            -point["accuracy"]["value"],
        )

    all_merits = [merits(point) for point in points]
    return [
        {
            **point,
            "front": not any(
                other != mine and all(a <= b for a, b in zip(other, mine, strict=True))
                for other in all_merits
            ),
        }
        for point, mine in zip(points, all_merits, strict=True)
    ]
