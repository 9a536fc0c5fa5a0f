"""Devices that are judged together: those of one class and one class of links."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cloud.fleet.tuning.calibration import Calibration
from cloud.fleet.tuning.intervals import dealt
from cloud.fleet.tuning.links import UNKNOWN, link_classes
from cloud.fleet.tuning.observed import Observed, Period, Values

FEWEST_DEVICES = 5
FEWEST_ANSWERS = 20  # of a device that is counted
_ODD = 20.0  # times the median device's: longer and shorter means are left out, more answers count as so many


class Group(NamedTuple):
    """`at`: the devices among all; what follows has an entry for each of these."""

    at: NDArray[np.intp]
    dealt: NDArray[np.int64]  # the group of the jackknife
    answers: Values
    scatter: float


class DeviceClass(NamedTuple):
    """`reason`: why nothing can be said of it; empty where something can."""

    kind: str
    link: str
    devices: int
    odd: int  # left out, since what they tell is far from all others
    reason: str
    group: Group | None

    def told(self) -> dict[str, Any]:
        return {"class": self.kind, "link_class": self.link}


def device_classes(
    seen: Observed, period: Period, known: Calibration, kind: str = "", link: str = ""
) -> list[DeviceClass]:
    """Every class that there is, or those that are asked for."""
    links, kinds = link_classes(period), seen.kinds
    counted = period.answers >= FEWEST_ANSWERS
    pairs = sorted({(str(one), str(other)) for one, other in zip(kinds, links, strict=True)})
    found = []
    for one, other in pairs:
        if kind not in ("", one) or link not in ("", other):
            continue
        within = (kinds == one) & (links == other)
        heard = np.flatnonzero(within & counted)
        at, devices = heard[~_odd(period, heard)], int(within.sum())
        reason = _reason(other, len(at), devices)
        group = None if reason else group_of(seen, period, known, at)
        found.append(DeviceClass(one, other, devices, len(heard) - len(at), reason, group))
    return found


def group_of(seen: Observed, period: Period, known: Calibration, at: NDArray[np.intp]) -> Group:
    """Of devices that are named by their places."""
    scatter = float(np.sqrt(np.mean(known.scatter[at] ** 2)))
    answers = period.answers[at]
    answers = np.minimum(answers, _ODD * np.median(answers))
    return Group(at, dealt([seen.devices[index].name for index in at]), answers, scatter)


def all_of(classes: Sequence[DeviceClass]) -> NDArray[np.intp]:
    """The devices of which something can be said."""
    places = [one.group.at for one in classes if one.group]
    return np.sort(np.concatenate(places)) if places else np.zeros(0, np.intp)


def _odd(period: Period, at: NDArray[np.intp]) -> NDArray[np.bool_]:
    means = period.all_arms("milliseconds")[at] / np.maximum(period.all_arms("count")[at], 1.0)
    usual = float(np.median(means)) if len(means) else 0.0
    return np.asarray((means > _ODD * usual) | (means < usual / _ODD))


def _reason(link: str, counted: int, devices: int) -> str:
    if link == UNKNOWN:
        return f"{devices} devices have told no link that they have used"
    if counted < FEWEST_DEVICES:
        return (
            f"{counted} of {devices} devices gave {FEWEST_ANSWERS} answers or more; {FEWEST_DEVICES} are "
            "needed"
        )
    return ""
