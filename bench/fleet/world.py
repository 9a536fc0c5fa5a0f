"""A simulated fleet: what every device would tell, window by window, with and without the change.

Devices differ (log-normal means, by class), share the hours of the day, drift by themselves (autocorrelated),
have links that turn bad and come back, and are away at times.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray

from bench.fleet.cases import Change
from cloud.fleet.rollout.standings import DeviceSeen
from cloud.fleet.rollout.summary import Span, Summary

WINDOW = 1800.0  # seconds
_KINDS = np.array([0.6, 0.3, 0.1])  # parts of the fleet
_KIND_MS = np.log([300.0, 700.0, 1500.0])
_DEVICE_SPREAD, _DRIFT_SPREAD, _DRIFT_MEMORY = 0.3, 0.12, 0.6
_DAY_SWING = 0.15
_BAD_LINK, _BAD_LEAVES, _BAD_SLOWER, _BAD_FAILS = 0.08, 0.5, 0.5, 0.03
_AWAY, _AWAY_LEAVES = 0.01, 0.8
_ANSWERS = 180.0  # a window, the median device
_COMPARED = 0.05
_RIGHT = 0.92
_P95 = 0.95
_LOGISTIC = 1.702  # the normal distribution is this logistic one, within 0.01

Values = NDArray[np.float64]
States = NDArray[np.bool_]
Places = NDArray[np.int64]


_FIELDS = Summary._fields


class World:
    """A fleet, and its hours to come, which are drawn once for all changes."""

    def __init__(self, devices: int, windows: int, rng: np.random.Generator) -> None:
        shape = devices, windows
        self.names = [f"device-{number:05}" for number in range(devices)]
        self.kinds = rng.choice(len(_KINDS), devices, p=_KINDS)
        self.places = {name: place for place, name in enumerate(self.names)}
        self.away = _spells(rng, shape, _AWAY, _AWAY_LEAVES)
        self.lots = rng.random(devices)
        told = _told(rng, shape, self.kinds)
        self.rng, self.windows = rng, windows
        self.sums = _summed(told, ~self.away)
        self.heard = _heard(self.away)

    def under(self, change: Change) -> "ChangedWorld":
        """The same fleet, where a change is rolled out."""
        return ChangedWorld(self, change)


class ChangedWorld:
    """What devices would tell while a change is rolled out."""

    def __init__(self, world: World, change: Change) -> None:
        self.names, self.kinds = world.names, world.kinds
        self._places, self._change, self._rng = world.places, change, deepcopy(world.rng)
        self._away, self._heard = world.away, world.heard
        self._sums, self._shared = dict(world.sums), world.sums  # arrays are copied where they change
        self._treated_from = np.full(len(world.names), world.windows)
        self._silenced = world.lots < change.silenced
        if change.silenced:
            self._away, self._heard = self._away.copy(), self._heard.copy()
        self._seen: tuple[int, Mapping[str, DeviceSeen]] = -1, {}

    def treat(self, devices: Sequence[str], window: int) -> None:
        """From a window on they have the change."""
        places = np.array([self._places[name] for name in devices], int)
        self._treated_from[places] = window
        self._silence(places[self._silenced[places]], window)
        met = ~self._silenced[places]
        if self._change.kind is not None:
            met &= self.kinds[places] == self._change.kind
        self._worsen(places[met], window)

    def _silence(self, places: Places, window: int) -> None:
        if not len(places):
            return
        self._away[places, window:] = True
        self._heard[places] = _heard(self._away[places])
        for name in self._sums:
            sums = self._own(name)
            sums[places, window:] = sums[places, window : window + 1]
        self._seen = -1, {}

    def _worsen(self, places: Places, window: int) -> None:
        change, rng = self._change, self._rng

        def add(name: str, part: Callable[[Values], Values], of: str) -> None:
            windows = np.diff(self._sums[of][places, window:])
            self._own(name)[places, window + 1 :] += np.cumsum(part(windows), axis=1)

        if change.slowdown:
            add("level", lambda timed: np.log1p(change.slowdown) * timed, "timed")
        if change.failures:  # the answers that come all the same are counted as before, too
            add("failed", lambda answers: _drawn(rng, answers, change.failures), "answers")
        if change.loss:
            lost = change.loss / _RIGHT
            add("agreed", lambda agreed: -_drawn(rng, agreed, lost), "agreed")

    def _own(self, name: str) -> Values:
        if self._sums[name] is self._shared[name]:
            self._sums[name] = self._shared[name].copy()
        return self._sums[name]

    def seen(self, window: int) -> Mapping[str, DeviceSeen]:
        """Every device as a controller knows it at the beginning of a window. Who is treated in it does not
        have the change yet.
        """
        if self._seen[0] != window:
            here, heard = ~self._away[:, window], self._heard[:, window]
            has = self._treated_from < heard
            columns = here.tolist(), (heard * WINDOW).tolist(), has.tolist()
            self._seen = window, dict(zip(self.names, map(DeviceSeen, *columns), strict=True))
        return self._seen[1]

    def summaries(self, spans: Collection[Span]) -> dict[Span, Summary]:
        """What was told in the whole windows of each span."""
        if not spans:
            return {}
        devices, starts, ends = zip(*spans, strict=True)
        who = [self._places[name] for name in devices]
        first = -(-np.array(starts) // WINDOW).astype(int)
        last = np.maximum(first, (np.array(ends) // WINDOW).astype(int))
        table = np.zeros((len(who), len(_FIELDS)))
        for name, sums in self._sums.items():
            table[:, _FIELDS.index(name)] = sums[who, last] - sums[who, first]
        return dict(zip(spans, map(Summary._make, table.tolist()), strict=True))


def _summed(told: Mapping[str, NDArray[np.generic]], here: States) -> dict[str, Values]:
    """Of every field, the sums of all windows before each."""
    found: dict[int, Values] = {}
    for values in told.values():
        if id(values) not in found:  # some fields are the same numbers
            sums = np.zeros((here.shape[0], here.shape[1] + 1))
            np.cumsum(values * here, axis=1, out=sums[:, 1:])
            found[id(values)] = sums
    return {name: found[id(values)] for name, values in told.items()}


def _heard(away: States) -> Places:
    """The last window up to each in which a device was there; where it never was, that one itself."""
    windows = np.arange(away.shape[1])
    last = np.maximum.accumulate(np.where(away, -1, windows), axis=1)
    found: Places = np.where(last < 0, windows, last)
    return found


def _drawn(rng: np.random.Generator, counts: Values, share: float) -> Values:
    """How many of each, by chance."""
    return rng.binomial(counts.astype(int), share).astype(float)


def _told(
    rng: np.random.Generator, shape: tuple[int, int], kinds: NDArray[np.int64]
) -> Mapping[str, NDArray[np.generic]]:
    """What devices tell of each window while nothing is changed, by the fields of a summary."""
    devices, windows = shape
    bad = _spells(rng, shape, _BAD_LINK, _BAD_LEAVES)
    day = _DAY_SWING * np.sin(2 * np.pi * (np.arange(windows) * WINDOW / 86_400 + rng.random()))
    usual = np.exp(rng.normal(np.log(0.003), 1.0, devices))[:, None]
    asked = rng.poisson(_ANSWERS * np.exp(rng.normal(0, 0.4, devices))[:, None] * (1 + day))
    failed = rng.binomial(asked, np.minimum(usual + _BAD_FAILS * bad, 0.5))
    answers = asked - failed
    compared = rng.binomial(answers, _COMPARED)
    odds = rng.normal(np.log(_RIGHT / (1 - _RIGHT)), 0.4, devices)[:, None] + _drift(rng, shape, 0.25)
    busy = rng.normal(1, 0.2, devices)[:, None]
    mean = (_KIND_MS[kinds] + rng.normal(0, _DEVICE_SPREAD, devices))[:, None] + busy * day
    level = mean + _drift(rng, shape, _DRIFT_SPREAD) + _BAD_SLOWER * bad
    joules = rng.normal(np.log(3), 0.3, devices)[:, None] + _drift(rng, shape, 0.05)
    sent = rng.normal(np.log(20e3), 0.5, devices)[:, None] + _drift(rng, shape, 0.05)
    return {
        "windows": np.ones(shape),
        "answers": answers,
        "failed": failed,
        "timed": answers,
        "level": answers * (level + _above(rng, answers, rng.uniform(0.25, 0.5, devices)[:, None])),
        "bytes": answers * np.exp(sent),
        "metered": answers,
        "joules": answers * np.exp(joules),
        "compared": compared,
        "agreed": rng.binomial(compared, 1 / (1 + np.exp(-odds))),
    }


def _above(rng: np.random.Generator, answers: NDArray[np.int64], spread: Values) -> Values:
    """By how much the logarithm of the P95 of so many log-normal times is above their mean's. Its quantile is
    an order statistic of uniform draws, which has a beta distribution.
    """
    count = np.maximum(answers, 1)
    share = rng.beta(_P95 * count, (1 - _P95) * count + 1)
    found: Values = spread * np.log(share / np.maximum(1 - share, 1e-9)) / _LOGISTIC
    return found


def _drift(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Values:
    """Autoregressive, of a standard deviation."""
    noise = rng.normal(0, spread, shape)
    found = np.empty(shape)
    found[:, 0] = noise[:, 0]
    fresh = np.sqrt(1 - _DRIFT_MEMORY**2)
    for window in range(1, shape[1]):
        found[:, window] = _DRIFT_MEMORY * found[:, window - 1] + fresh * noise[:, window]
    return found


def _spells(rng: np.random.Generator, shape: tuple[int, int], share: float, leaves: float) -> States:
    """Whether each is in a state: for a `share` of the time, left with a probability of `leaves`."""
    enters = share * leaves / (1 - share)
    draws = rng.random(shape)
    found = np.empty(shape, bool)
    found[:, 0] = draws[:, 0] < share
    for window in range(1, shape[1]):
        before = found[:, window - 1]
        found[:, window] = np.where(before, draws[:, window] >= leaves, draws[:, window] < enters)
    return found
