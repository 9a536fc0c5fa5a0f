"""A simulated fleet: what every device would tell, window by window, with and without the change.

Devices differ (log-normal means, by class), share the hours of the day, drift by themselves (autocorrelated),
have links that turn bad and come back, and are away at times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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
_P95 = 0.95
_LOGISTIC = 1.702  # the normal distribution is this logistic one, within 0.01

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass
class World:
    """Arrays are (devices, windows). `treated_from` is the window from which a device has the change."""

    names: Sequence[str]
    kinds: NDArray[np.int64]
    level: Numbers  # mean logarithm of an answer's milliseconds
    spread: Numbers  # of a device's answers
    away: Flags
    answers: NDArray[np.int64]
    failing: Numbers  # probability
    wrong: Numbers  # probability
    byte_level: Numbers
    joule_level: Numbers
    change: Change
    rng: np.random.Generator
    treated_from: NDArray[np.int64]
    silenced: Flags  # devices that fall silent once treated
    baselines: dict[Span, Summary]

    @classmethod
    def drawn(cls, devices: int, windows: int, change: Change, rng: np.random.Generator) -> "World":
        """A fleet, and its hours to come."""
        shape = devices, windows
        kinds = rng.choice(len(_KINDS), devices, p=_KINDS)
        bad = _spells(rng, shape, _BAD_LINK, _BAD_LEAVES)
        day = _DAY_SWING * np.sin(2 * np.pi * (np.arange(windows) * WINDOW / 86_400 + rng.random()))
        mean = _KIND_MS[kinds] + rng.normal(0, _DEVICE_SPREAD, devices)
        busy = rng.normal(1, 0.2, devices)
        level = mean[:, None] + busy[:, None] * day + _drift(rng, shape, _DRIFT_SPREAD) + _BAD_SLOWER * bad
        usual = np.exp(rng.normal(np.log(0.003), 1.0, devices))[:, None]
        right = rng.normal(np.log(0.92 / 0.08), 0.4, devices)[:, None] + _drift(rng, shape, 0.25)
        rate = _ANSWERS * np.exp(rng.normal(0, 0.4, devices))[:, None] * (1 + day)
        return cls(
            names=[f"device-{number:05}" for number in range(devices)],
            kinds=kinds,
            level=level,
            spread=rng.uniform(0.25, 0.5, devices),
            away=_spells(rng, shape, _AWAY, _AWAY_LEAVES),
            answers=rng.poisson(rate),
            failing=np.minimum(usual + _BAD_FAILS * bad, 0.5),
            wrong=1 / (1 + np.exp(right)),
            byte_level=rng.normal(np.log(20e3), 0.5, devices)[:, None] + _drift(rng, shape, 0.05),
            joule_level=rng.normal(np.log(3), 0.3, devices)[:, None] + _drift(rng, shape, 0.05),
            change=change,
            rng=rng,
            treated_from=np.full(devices, windows),
            silenced=rng.random(devices) < change.silenced,
            baselines={},
        )

    def treat(self, devices: Iterable[str], window: int) -> None:
        for name in devices:
            place = int(name[-5:])
            self.treated_from[place] = window
            if self.silenced[place]:
                self.away[place, window:] = True

    def seen(self, window: int) -> Mapping[str, DeviceSeen]:
        """Every device as a controller knows it at the beginning of a window."""
        here = ~self.away[:, window]
        heard = np.where(here, window, _last_here(self.away[:, : window + 1]))
        has = (self.treated_from < heard).tolist()
        return {
            name: DeviceSeen(on, when * WINDOW, in_force)
            for name, on, when, in_force in zip(
                self.names, here.tolist(), heard.tolist(), has, strict=True
            )
        }

    def summaries(self, spans: Iterable[Span]) -> dict[Span, Summary]:
        """What was told in the whole windows of each span."""
        found = {span: self.baselines[span] for span in spans if span in self.baselines}
        groups: dict[tuple[float, float], list[Span]] = {}
        for span in spans:
            if span not in found:
                groups.setdefault(span[1:], []).append(span)
        for (start, end), members in groups.items():
            first, last = int(np.ceil(start / WINDOW)), int(end // WINDOW)
            made = self._summaries(np.array([int(span.device[-5:]) for span in members]), first, last)
            found.update(zip(members, made, strict=True))
        self.baselines.update(found)
        return found

    def _summaries(self, who: NDArray[np.int64], first: int, last: int) -> list[Summary]:
        cut = slice(first, last)
        here = ~self.away[who, cut]
        has = np.arange(first, last) >= self.treated_from[who][:, None]
        if self.change.kind is not None:
            has &= (self.kinds[who] == self.change.kind)[:, None]
        asked = self.answers[who, cut] * here
        failed = self.rng.binomial(asked, self.failing[who, cut] + self.change.failures * has)
        came = asked - failed
        compared = self.rng.binomial(came, _COMPARED)
        wrong = self.rng.binomial(compared, np.minimum(self.wrong[who, cut] + self.change.loss * has, 1))
        answers = came.sum(1)
        level = self.level[who, cut] + np.log1p(self.change.slowdown) * has
        columns = (
            here.sum(1),
            answers,
            failed.sum(1),
            self._p95(level, here, self.spread[who], answers),
            (came * np.exp(self.byte_level[who, cut])).sum(1).astype(int),
            answers,
            (came * np.exp(self.joule_level[who, cut])).sum(1),
            compared.sum(1),
            (compared - wrong).sum(1),
        )
        return [Summary(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _p95(self, level: Numbers, here: Flags, spread: Numbers, answers: NDArray[np.int64]) -> Numbers:
        """The order statistic that so many answers have, of the mixture that the windows make of them: one
        draw of a beta distribution, through the mixture's quantile function.
        """
        if not level.shape[1]:
            return np.zeros(len(level))
        count = np.maximum(answers, 1)
        goal = self.rng.beta(_P95 * count, (1 - _P95) * count + 1)
        weight = here / np.maximum(here.sum(1), 1)[:, None]
        low, high = level.min(1) - 4 * spread, level.max(1) + 4 * spread
        for _ in range(12):
            middle = (low + high) / 2
            z = (middle[:, None] - level) / spread[:, None]
            below = (weight / (1 + np.exp(-_LOGISTIC * z))).sum(1) < goal
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.exp(middle)


def _drift(rng: np.random.Generator, shape: tuple[int, int], spread: float) -> Numbers:
    """Autoregressive, of a standard deviation."""
    noise = rng.normal(0, spread, shape)
    found = np.empty(shape)
    found[:, 0] = noise[:, 0]
    fresh = np.sqrt(1 - _DRIFT_MEMORY**2)
    for window in range(1, shape[1]):
        found[:, window] = _DRIFT_MEMORY * found[:, window - 1] + fresh * noise[:, window]
    return found


def _spells(rng: np.random.Generator, shape: tuple[int, int], share: float, leaves: float) -> Flags:
    """Whether each is in a state that it is in for a `share` of the time, and leaves with that probability."""
    enters = share * leaves / (1 - share)
    draws = rng.random(shape)
    found = np.empty(shape, bool)
    found[:, 0] = draws[:, 0] < share
    for window in range(1, shape[1]):
        before = found[:, window - 1]
        found[:, window] = np.where(before, draws[:, window] >= leaves, draws[:, window] < enters)
    return found


def _last_here(away: Flags) -> NDArray[np.int64]:
    back = np.argmax(~away[:, ::-1], axis=1)
    found: NDArray[np.int64] = away.shape[1] - 1 - back
    return found
