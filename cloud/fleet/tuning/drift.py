"""Devices whose times, bytes or answers no longer fit what is known of them, and the likely cause. Pure.

Local stages are held against the device's own profile; the link, bytes and agreement against the same device
in the hours before. All are logarithms of ratios, but agreement, in points. What a whole class has in common
is no device's drift: it is told of the class.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Calibration, Flags, calibrate
from cloud.fleet.tuning.discovery import Surprises, against_class, p_values, q_values
from cloud.fleet.tuning.model import ArmCost, KnownBundle, arm_costs
from cloud.fleet.tuning.observed import Observed, Period, Values

THROTTLED, OTHER_LOAD, LINK, PICTURES = "throttled", "other load", "worse link", "other pictures"
_FEWEST = 50  # answers, recently and before
_FEWEST_COMPARED = 20
_WORSE = np.log(1.1)  # less is no drift worth a list
_FEWER_AGREED = 0.04  # of an angle: two points below 94%, and a point below 99%
_WARMER, _HOT = 5.0, 80.0  # degrees Celsius: than before, and at all
_MAX_LISTED = 500


class _Measure(NamedTuple):
    """`values`: worse is more, and `least` of it is worth a list. `shown`: as people read it."""

    name: str
    values: Values
    judged: Flags
    answers: Values
    least: float
    shown: Values
    noise: Values | float = 0.0


def drift(bundle: KnownBundle, recent: Observed, before: Observed, rate: float = 0.1) -> dict[str, Any]:
    """Devices, the worst first, of which on average at most `rate` are listed wrongly; and how much of each
    class as a whole has changed. Both are of the same devices.
    """
    now, earlier = recent.whole, before.whole
    costs = arm_costs(bundle, recent.devices)
    measures = _measures(costs, now, earlier, recent.kinds)
    found = [against_class(one.values, one.judged, recent.kinds, one.answers, one.noise) for one in measures]
    p = np.array([p_values(one, measure.least) for one, measure in zip(found, measures, strict=True)])
    q = q_values(p)
    worse = np.nan_to_num(q, nan=1.0) <= rate
    listed = [
        _device(recent, measures, found, place, q[:, place], worse[:, place], now, earlier)
        for place in map(int, np.flatnonzero(worse.any(axis=0)))
    ]
    listed.sort(key=lambda one: -one["severity"])
    return {
        "devices": listed[:_MAX_LISTED],
        "found": len(listed),
        "judged": int(np.isfinite(p).any(axis=0).sum()),
        "tests": int(np.isfinite(p).sum()),
        "not_judged": int((~np.isfinite(p).any(axis=0)).sum()),
        "classes": _classes(measures, found, recent.kinds),
    }


def _measures(
    costs: Sequence[ArmCost], now: Period, earlier: Period, kinds: NDArray[np.str_]
) -> list[_Measure]:
    before = calibrate(costs, earlier, kinds)
    size_now, size_before = calibrate(costs, now, kinds).sizes, before.sizes
    answers, enough = now.answers, (now.answers >= _FEWEST) & (earlier.answers >= _FEWEST)
    sent = now.all_arms("bytes_up") > 0
    local = _parts(costs, now)
    network = _network(costs, now, replace(before, sizes=size_now))
    taken = now.stages("network")
    size = np.abs(np.log(size_now / size_before))
    slower, farther = _log_ratio(now.stages("head", "encode"), local), _log_ratio(taken, network)
    sending = enough & sent & (earlier.all_arms("bytes_up") > 0)
    return [
        _Measure("local", slower, enough & (local > 0), answers, _WORSE, np.exp(slower)),
        _Measure("link", farther, enough & before.linked & (network > 0), answers, _WORSE, np.exp(farther)),
        _Measure("bytes", size, sending, answers, _WORSE, np.exp(size)),
        _agreement(now, earlier),
    ]


def _agreement(now: Period, earlier: Period) -> _Measure:
    """As the angle whose variance does not depend on the share (Anscombe, "The transformation of Poisson,
    binomial and negative-binomial data", Biometrika 35, 1948).
    """
    agreed, compared = now.all_arms("agreed"), now.all_arms("compared")
    agreed_before, compared_before = earlier.all_arms("agreed"), earlier.all_arms("compared")
    told = (compared >= _FEWEST_COMPARED) & (compared_before >= _FEWEST_COMPARED)
    fewer = _angle(agreed_before, compared_before) - _angle(agreed, compared)
    noise = np.sqrt(1 / (4 * compared + 2) + 1 / (4 * compared_before + 2))
    points = agreed_before / np.maximum(compared_before, 1.0) - agreed / np.maximum(compared, 1.0)
    return _Measure("agreement", fewer, told, compared, _FEWER_AGREED, points, noise)


def _angle(successes: Values, count: Values) -> Values:
    return np.asarray(np.arcsin(np.sqrt((successes + 0.375) / (count + 0.75))))


def _parts(costs: Sequence[ArmCost], period: Period) -> Values:
    """Milliseconds that head and encoding would take by the devices' profiles."""
    found = sum((period.arms[one.told]["count"] * one.vision for one in costs), np.zeros_like(period.answers))
    return np.where(np.asarray(found) > period.answers, found, 0.0)  # a millisecond an answer, at least


def _network(costs: Sequence[ArmCost], now: Period, before: Calibration) -> Values:
    """Milliseconds that exchanges would take over the links as they were."""
    found = np.zeros_like(now.answers)
    for one in costs:
        if one.asked:
            each = before.states.probability @ before.network_ms(one)
            found = found + now.arms[one.told]["count"] * one.asked * each
    return found


def _log_ratio(measured: Values, expected: Values) -> Values:
    known = (measured > 0) & (expected > 0)
    ratio = np.where(known, measured, 1.0) / np.where(known, expected, 1.0)
    return np.asarray(np.log(ratio))


def _device(
    recent: Observed,
    measures: Sequence[_Measure],
    found: Sequence[Surprises],
    place: int,
    q: Values,
    listed: Flags,
    now: Period,
    earlier: Period,
) -> dict[str, Any]:
    """By the measure that is farthest from its class. `q`, `listed`: an entry a measure."""
    excess = np.array([one.excess[place] / of.least for one, of in zip(found, measures, strict=True)])
    worst = int(np.where(listed, excess, -np.inf).argmax())
    device, measure = recent.devices[place], measures[worst]
    evidence = {
        one.name: _shown(one, recent.kinds, place, float(q[at]))
        for at, one in enumerate(measures)
        if np.isfinite(q[at])
    }
    warm, warm_before = _temperature(now, place), _temperature(earlier, place)
    return {
        "device": device.name,
        "class": device.kind,
        "cause": _cause(measure.name, warm, warm_before),
        "measure": measure.name,
        "severity": round(float(excess[worst]), 4),
        "q": float(q[worst]),
        "evidence": {**evidence, "temperature": warm, "temperature_before": warm_before},
    }


def _shown(measure: _Measure, kinds: NDArray[np.str_], place: int, q: float) -> dict[str, float]:
    """As a ratio of what is expected, beside the class's; agreement in points that are missing."""
    usual = float(np.median(measure.shown[measure.judged & (kinds == kinds[place])]))
    return {"value": round(float(measure.shown[place]), 4), "class": round(usual, 4), "q": q}


def _cause(measure: str, warm: float | None, before: float | None) -> str:
    if measure == "link":
        return LINK
    if measure in {"bytes", "agreement"}:
        return PICTURES
    hot = warm is not None and (warm >= _HOT or (before is not None and warm >= before + _WARMER))
    return THROTTLED if hot else OTHER_LOAD


def _temperature(period: Period, place: int) -> float | None:
    told = period.sums["temperatures"][place]
    return round(float(period.sums["temperature"][place] / told), 1) if told else None


def _classes(
    measures: Sequence[_Measure], found: Sequence[Surprises], kinds: NDArray[np.str_]
) -> list[dict[str, Any]]:
    """Whole classes that have changed by as much as is worth a list."""
    changed = []
    for measure, surprise in zip(measures, found, strict=True):
        for kind in np.unique(kinds[np.isfinite(surprise.centre)]):
            at = (kinds == kind) & np.isfinite(surprise.centre)
            centre = float(surprise.centre[at][0])
            if centre > measure.least:
                value = round(float(np.median(measure.shown[at])), 4)
                changed.append({"class": str(kind), "measure": measure.name, "value": value})
    return changed
