"""What the parts of an answer take on this device now, in time and energy: its profile, and how the runs
differ from it.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.costs.factors import TIMES, Factors, Term
from edge.remembered import recall, remember
from protos.costs.power import MODEL, Power
from protos.costs.profile import DeviceProfile

PIXELS, PREFILL, TOKEN = "pixels", "prefill", "token"  # parts beside the pieces and the coders
_HERE, _THERE = "here", "there"  # answers of the device, and of a cloud
_MEASURED = TIMES._replace(slow=Term(0.3, TIMES.slow.seconds))  # a profile was measured on this machine
_WHAT = "this device"


class DeviceTimes:
    """Learned from every run, so that load, heat and another clock rate are seen. `now` is any monotonic
    clock in seconds.
    """

    def __init__(self, profile: DeviceProfile, now: float = 0.0, power: Power = MODEL) -> None:
        """`power`: what the device is believed to draw before anything was measured."""
        self._profile, self._power = profile, power
        self._energy = Factors([_HERE, _THERE], TIMES, now)
        self._expected = {
            **profile.pieces,
            **profile.encode_ms,
            PIXELS: profile.pixels_ms,
            PREFILL: profile.prefill_ms,
            TOKEN: profile.token_ms,
        }
        self._factors = Factors(list(self._expected), _MEASURED if profile.measured else TIMES, now)

    def profile(self, now: float) -> DeviceProfile:
        """What every part is believed to take now."""
        return dataclasses.replace(
            self._profile,
            pieces={name: self._ms(name, now) for name in self._profile.pieces},
            encode_ms={name: self._ms(name, now) for name in self._profile.encode_ms},
            pixels_ms=self._ms(PIXELS, now),
            prefill_ms=self._ms(PREFILL, now),
            token_ms=self._ms(TOKEN, now),
            doubt=self.doubt(now),
        )

    def doubt(self, now: float) -> float:
        """The standard deviation of those times, as a part of each."""
        return self._factors.shared(now).doubt

    def power(self, now: float) -> Power:
        """What the device is believed to draw now."""
        here, there = (self._energy.factor(place, now).median for place in (_HERE, _THERE))
        return dataclasses.replace(self._power, here=here, there=there)

    def observe_energy(
        self, joules: float, busy_ms: float, waiting_ms: float, sent: int, now: float, *, remote: bool
    ) -> None:
        """An answer took so much energy; as `Power.joules`."""
        radio = self._power.joules_a_megabyte * sent / 1e6
        expected = self._power.joules(busy_ms, waiting_ms, 0, remote=remote)
        self._energy.observe(_THERE if remote else _HERE, expected, joules - radio, now)

    def observe(self, parts: Mapping[str, float], now: float) -> None:
        """A run took so many milliseconds, part by part, a tile where the profile counts tiles."""
        for part, milliseconds in parts.items():
            self._factors.observe(part, self._expected.get(part, 0.0), milliseconds, now)

    def save(self, path: Path | None, wall: float) -> None:
        """Remember for the next process, where there is a place; `wall` is the time of day in seconds. A
        place that cannot be written to is a warning.
        """
        energy = {"source": self._power.source, "factors": self._energy.state()}
        remember(path, {"factors": self._factors.state(), "energy": energy}, _WHAT, wall)

    def load(self, path: Path | None, now: float, wall: float) -> None:
        """Recall what `save` wrote, aged by the time since. A file that cannot be used is ignored with a
        warning.
        """
        recall(path, lambda state, age: self._restore(state, now, age), _WHAT, wall)

    def _restore(self, state: dict[str, Any], now: float, age: float) -> None:
        self._factors.restore(state["factors"], age, now)
        energy = state.get("energy", {})  # a file of before energy was learned has none
        if energy.get("source") == self._power.source:
            self._energy.restore(energy["factors"], age, now)

    def _ms(self, part: str, now: float) -> float:
        return self._expected[part] * self._factors.factor(part, now).median
