"""What is kept of the fleet, handed to `cloud/fleet/tuning/`, and what that says as JSON."""

import time
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from cloud.fleet.storage.database import Database
from cloud.fleet.storage.observations import ArmSums, ObservedSums, arm_sums, device_records, observed_sums
from cloud.fleet.tuning.devices import TunedDevice, tuned_device
from cloud.fleet.tuning.model import KnownBundle, arms_told
from cloud.fleet.tuning.observed import Observed, observed
from cloud.fleet.tuning.tune import Wishes, tune
from protos.costs.weights import Weights
from protos.errors import RequestError

HOUR = 3600.0
_FRESH_SECONDS = 60.0
_MAX_HOURS = 48
_MAX_WEIGHT = 1e6

TUNE_QUERY = {
    "class": "of devices; all where it is left out",
    "link_class": "under-1, 1-5, 5-20, over-20 (Mbit/s); all where it is left out",
    "latency": "what a millisecond is worth, beside the other weights (default: 1)",
    "accuracy": "what a point of accuracy is worth; without any weight those in force are taken",
    "bytes": "what a kilobyte is worth",
    "energy": "what a joule is worth",
    "min_accuracy": "percent, of the report: what is less accurate is not recommended",
    "hours": f"of telemetry, up to {_MAX_HOURS} (default: 24)",
}


class TuneQuery(NamedTuple):
    """What is asked of `/api/v1/tune`."""

    wishes: Wishes
    hours: int


class _Kept(NamedTuple):
    """As it was in the database at a time."""

    at: float
    devices: Sequence[TunedDevice]
    sums: Sequence[ObservedSums]
    arms: Sequence[ArmSums]


class Tuner:
    """Its methods block, for seconds of a large fleet: call them in threads. What was read of the database is
    used for a minute, so that an operator who moves a weight does not wait for it.
    """

    def __init__(self, database: Database, bundles: Sequence[KnownBundle]) -> None:
        self._database, self._bundles = database, {bundle.digest: bundle for bundle in bundles}
        self._kept: dict[int, _Kept] = {}
        self._lock = Lock()

    def tune(self, asked: TuneQuery) -> dict[str, Any]:
        """Groups of devices with their points, and what is not known."""
        kept = self._read(asked.hours)
        groups, unknown = [], list(self._without_bundle(kept))
        for bundle in self._bundles.values():
            found = tune(bundle, self._observed(kept, bundle), asked.wishes)
            groups += found["groups"]
            unknown += found["not_known"]
        return {"at": kept.at, "hours": asked.hours, "groups": groups, "not_known": unknown}

    def _observed(self, kept: _Kept, bundle: KnownBundle) -> Observed:
        return observed(kept.devices, bundle.digest, kept.sums, kept.arms, arms_told(bundle))

    def _without_bundle(self, kept: _Kept) -> Sequence[Mapping[str, Any]]:
        counts: dict[str, int] = {}
        for device in kept.devices:
            if device.bundle not in self._bundles:
                counts[device.bundle] = counts.get(device.bundle, 0) + 1
        return [
            {
                "class": "",
                "link_class": "",
                "bundle": digest,
                "devices": count,
                "reason": f"{count} devices answer with a bundle that the controller was not given: "
                "isthmus fleet serve --bundle PLACE",
            }
            for digest, count in counts.items()
        ]

    def _read(self, hours: int) -> _Kept:
        with self._lock:
            known, now = self._kept.get(hours), time.time()
            if known is None or now - known.at > _FRESH_SECONDS:
                known = self._anew(now, hours)
                self._kept[hours] = known
            return known

    def _anew(self, now: float, hours: int) -> _Kept:
        start = now - hours * HOUR
        with self._database.reading() as connection:
            devices = [tuned_device(record) for record in device_records(connection)]
            sums, arms = observed_sums(connection, start, now), arm_sums(connection, start, now)
        return _Kept(now, devices, sums, arms)


def tune_query(asked: QueryParams) -> TuneQuery:
    """Raises RequestError."""
    check_names(asked, TUNE_QUERY)
    least = number_of(asked, "min_accuracy", -100, 100)
    wishes = Wishes(weights_of(asked), least, asked.get("class", ""), asked.get("link_class", ""))
    return TuneQuery(wishes, hours_of(asked, 24))


def check_names(asked: QueryParams, known: Mapping[str, str]) -> None:
    """Raises RequestError for a parameter that there is not."""
    if unknown := set(asked) - set(known):
        raise RequestError(f"{min(unknown)[:40]!r} is no parameter; give {', '.join(known)}")


def weights_of(asked: QueryParams) -> Weights | None:
    """None where none is named. Raises RequestError."""
    if not {"latency", "accuracy", "bytes", "energy"} & set(asked):
        return None
    usual = Weights()
    latency = number_of(asked, "latency", 1e-6, _MAX_WEIGHT) or 1.0
    told = [number_of(asked, name, 0, _MAX_WEIGHT) for name in ("accuracy", "bytes", "energy")]
    accuracy, kilobyte, joule = (None if one is None else one / latency for one in told)
    return Weights(
        1.0,
        usual.accuracy_point if accuracy is None else accuracy,
        usual.kilobyte if kilobyte is None else kilobyte,
        usual.joule if joule is None else joule,
    )


def hours_of(asked: QueryParams, default: int) -> int:
    """Raises RequestError."""
    found = number_of(asked, "hours", 1, _MAX_HOURS)
    return default if found is None else round(found)


def number_of(asked: QueryParams, name: str, least: float, most: float) -> float | None:
    """None where it is left out. Raises RequestError."""
    if name not in asked:
        return None
    try:
        found = float(asked[name])
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        raise RequestError(f"{name} is {asked[name][:20]!r}; give {least:g} to {most:g}")
    return found
