"""The links of simulated devices: drawn, or as they were recorded."""

from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from protos.costs.cost import BITS_PER_BYTE_MS
from protos.errors import RequestError
from protos.traces import Trace

LinkKind = Literal["ethernet", "wifi", "lte"]
Milliseconds = NDArray[np.float64]

_USUAL: dict[LinkKind, tuple[float, float]] = {  # Mbit/s up, and milliseconds there and back
    "ethernet": (80.0, 12.0),
    "wifi": (20.0, 18.0),
    "lte": (4.0, 55.0),
}
_DEVICE_SPREAD, _HOUR_SPREAD, _MEMORY = 0.4, 0.25, 0.8
_BAD, _BAD_LEAVES, _BAD_RATE = 0.03, 0.3, 0.1  # of the windows, and to what part of its rate it then falls
_RECORDED_ROUND_TRIP_MS = 60.0
_LONGEST_MS = 60_000.0


class LinkNow(NamedTuple):
    """As a device believes it to be."""

    bits_a_second: float
    round_trip_ms: float


class Uplink(Protocol):
    """Of one device."""

    def next_window(self) -> None:
        """Time goes on."""

    def now(self, at: float) -> LinkNow: ...

    def takes(self, at: Milliseconds, sent: float) -> Milliseconds:
        """Milliseconds of exchanges that begin at these seconds, with so many bytes up each."""


class DrawnLink:
    """A rate about one of its own, which wanders and at times turns bad."""

    def __init__(self, kind: LinkKind, rng: np.random.Generator) -> None:
        rate, self._round_trip = _USUAL[kind]
        self._rng = rng
        self._usual = np.log(1e6 * rate) + rng.normal(0, _DEVICE_SPREAD)
        self._off, self._bad = rng.normal(0, _HOUR_SPREAD), False

    def next_window(self) -> None:
        fresh = self._rng.normal(0, _HOUR_SPREAD) * np.sqrt(1 - _MEMORY**2)
        self._off = _MEMORY * self._off + fresh
        draw, enters = self._rng.random(), _BAD * _BAD_LEAVES / (1 - _BAD)
        self._bad = draw >= _BAD_LEAVES if self._bad else draw < enters

    def now(self, at: float) -> LinkNow:
        del at
        rate = float(np.exp(self._usual + self._off)) * (_BAD_RATE if self._bad else 1.0)
        return LinkNow(rate, self._round_trip)

    def takes(self, at: Milliseconds, sent: float) -> Milliseconds:
        rate, round_trip = self.now(0.0)
        usual = round_trip + BITS_PER_BYTE_MS * sent / rate
        return np.minimum(usual * self._rng.lognormal(0, 0.2, len(at)), _LONGEST_MS)


class RecordedLink:
    """A trace, which each device begins somewhere else."""

    def __init__(self, trace: Trace, rng: np.random.Generator) -> None:
        self._trace, self._begins = trace, float(rng.uniform(0, trace.length))

    def next_window(self) -> None:
        """The clock says where it is."""

    def now(self, at: float) -> LinkNow:
        place, seconds = self._place(at), 30.0
        sent = self._trace.sent(place + seconds) - self._trace.sent(place)
        return LinkNow(max(8 * sent / seconds, 1e3), _RECORDED_ROUND_TRIP_MS)

    def takes(self, at: Milliseconds, sent: float) -> Milliseconds:
        found = [self._one(self._place(float(begun)), sent) for begun in at]
        return np.minimum(np.array(found, np.float64), _LONGEST_MS)

    def _one(self, place: float, sent: float) -> float:
        arrived = self._trace.seconds(self._trace.sent(place) + sent)
        return _RECORDED_ROUND_TRIP_MS + 1000 * max(arrived - place, 0.0)

    def _place(self, at: float) -> float:
        return (at + self._begins) % self._trace.length


def read_traces(folder: Path | None) -> list[Trace]:
    """Those of a folder, whose names end with .up, .down, .csv or .trace; none where none is given. Raises
    RequestError for a folder without any, and for a file that is none.
    """
    if folder is None:
        return []
    files = [file for file in sorted(folder.glob("*")) if file.suffix in {".up", ".down", ".csv", ".trace"}]
    if not files:
        raise RequestError(
            f"{folder} holds no trace: NAME.up, .down, .trace (mahimahi's) or .csv; give another"
        )
    return [Trace.read(file) for file in files]


def link_of(kind: LinkKind, traces: list[Trace], rng: np.random.Generator) -> Uplink:
    """One of the traces, where there are any."""
    if traces:
        return RecordedLink(traces[int(rng.integers(len(traces)))], rng)
    return DrawnLink(kind, rng)
