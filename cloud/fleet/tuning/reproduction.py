"""How well the calibrated model reproduces what was measured.

It is calibrated on the even hours and held against the odd ones, given which arms answered and what the links
were in these: what is left is how well it adds up times. How well it foresees what devices choose is told
apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Flags, calibrate
from cloud.fleet.tuning.choosing import Weighed, told_shares, weigh
from cloud.fleet.tuning.groups import FEWEST_ANSWERS, group_of
from cloud.fleet.tuning.intervals import Replicates
from cloud.fleet.tuning.links import link_states
from cloud.fleet.tuning.model import ArmCost
from cloud.fleet.tuning.observed import Observed, Values
from cloud.fleet.tuning.today import measured_measures, predicted_measures
from protos.costs.weights import Weights

_BOUNDS = {"milliseconds": 0.05, "p50": 0.1, "p95": 0.1, "bytes": 0.05, "joules": 0.1}  # parts of what was
_DEVICE_BOUND = 0.15  # of the mean time of the median device
_CHOICE_BOUND = 0.8  # of answers that come by the arm that the model says
_FEWEST = 5


def reproduced(costs: Sequence[ArmCost], seen: Observed, at: NDArray[np.intp]) -> dict[str, Any]:
    """Of the devices at these places. `reproduces`: None where there is too little to tell."""
    even, odd = seen.halves
    enough = (even.answers >= FEWEST_ANSWERS) & (odd.answers >= FEWEST_ANSWERS)
    at = at[enough[at]]
    if len(at) < _FEWEST:
        reason = f"{len(at)} devices gave {FEWEST_ANSWERS} answers both in even and in odd hours"
        return {"reproduces": None, "reason": reason, "measures": {}}
    known = replace(calibrate(costs, even, seen.kinds), states=link_states(odd))
    outcome = weigh(costs, known, Weights()).mixed(told_shares(costs, odd))
    group = group_of(seen, odd, known, at)
    was, model = measured_measures(costs, known, odd, group), predicted_measures(outcome, group)
    found = {name: _held(was[name], model[name]) for name in _BOUNDS}
    single = np.abs(outcome.mean_ms[at] / _mean_ms(costs, seen)[at] - 1)
    devices = {f"p{share}": round(float(np.quantile(single, share / 100)), 4) for share in (50, 90)}
    wrong = [name for name, bound in _BOUNDS.items() if found[name] and abs(found[name]["error"]) > bound]
    reason = f"{', '.join(wrong)} of the fleet differ by more than the bounds" if wrong else ""
    if devices["p50"] > _DEVICE_BOUND:
        reason = f"half of the devices differ by {devices['p50']:.0%} or more"
    return {"reproduces": not reason, "reason": reason, "measures": found, "devices": devices}


def choices_reproduced(
    weighed: Weighed, usable: Flags, seen: Observed, at: NDArray[np.intp]
) -> dict[str, Any]:
    """Which share of answers came by the arm that the modelled policy takes, under the settings that held."""
    period = seen.whole
    modelled, told = weighed.chosen(usable).arms[:, at], told_shares(weighed.costs, period)[:, at]
    answers = period.answers[at]
    share = float(np.minimum(modelled, told).sum(axis=0) @ answers / max(answers.sum(), 1.0))
    return {"share": round(share, 4), "reproduces": share >= _CHOICE_BOUND}


def _mean_ms(costs: Sequence[ArmCost], seen: Observed) -> Values:
    odd = seen.halves[1]
    count = sum((odd.arms[one.told]["count"] for one in costs), np.zeros_like(odd.answers))
    taken = sum((odd.arms[one.told]["milliseconds"] for one in costs), np.zeros_like(odd.answers))
    return np.asarray(np.maximum(taken, 1e-3) / np.maximum(count, 1.0))


def _held(was: Replicates, model: Replicates) -> dict[str, float]:
    """Nothing where nothing was measured."""
    if not (np.isfinite(was.value) and np.isfinite(model.value)) or was.value <= 0:
        return {}
    error = model.value / was.value - 1
    return {"measured": round(was.value, 6), "model": round(model.value, 6), "error": round(error, 6)}
