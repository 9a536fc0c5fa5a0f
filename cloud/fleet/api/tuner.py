"""What is kept of the fleet, handed to `cloud/fleet/tuning/`."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from math import floor
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from cloud.fleet.api.tuning_queries import DriftQuery, TuneQuery, WhatIfQuery
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.observations import ArmSums, ObservedSums, arm_sums, device_records, observed_sums
from cloud.fleet.tuning.devices import HeldSettings, TunedDevice, held_settings, tuned_device
from cloud.fleet.tuning.drift import drift
from cloud.fleet.tuning.model import KnownBundle, arms_told
from cloud.fleet.tuning.observed import Observed, observed
from cloud.fleet.tuning.tune import tune
from cloud.fleet.tuning.what_if import Alternative, what_if
from cloud.fleet.wishes.merging import merged, text_of
from protos import fleet_pb2 as pb
from protos.arms import check_route, check_rules
from protos.arms.rules import AUTO
from protos.errors import RequestError, UnknownName
from protos.fleet.messages import from_json

_HOUR = 3600.0
_FRESH_SECONDS = 60.0


class _Kept(NamedTuple):
    """As it was in the database at a time."""

    at: float
    devices: Sequence[TunedDevice]
    sums: Sequence[ObservedSums]
    arms: Sequence[ArmSums]

    def of(self, bundle: KnownBundle) -> Observed:
        return observed(self.devices, bundle.digest, self.sums, self.arms, arms_told(bundle))


class Tuner:
    """Its methods block, for seconds of a large fleet: call them in threads. What was read of the database is
    used for a minute, so that an operator who moves a weight does not wait for it.
    """

    def __init__(self, database: Database, bundles: Sequence[KnownBundle]) -> None:
        self._database, self._bundles = database, {bundle.digest: bundle for bundle in bundles}
        self._kept: dict[tuple[int, int], _Kept] = {}
        self._lock = Lock()

    def tune(self, asked: TuneQuery) -> dict[str, Any]:
        """Groups of devices with their points, and what is not known."""
        kept = self._read(asked.hours)
        groups, unknown = [], self._without_bundle(kept)
        for bundle in self._in_force(kept):
            found = tune(bundle, kept.of(bundle), asked.wishes)
            groups += found["groups"]
            unknown += found["not_known"]
        if not asked.names:
            groups = [{name: told for name, told in one.items() if name != "names"} for one in groups]
        return {"at": kept.at, "hours": asked.hours, "groups": groups, "not_known": unknown}

    def what_if(self, asked: WhatIfQuery) -> dict[str, Any]:
        """For each bundle in force what would have been. Raises RequestError where nothing is known, or a
        device would have no way to answer; UnknownName for a bundle, cut or route that there is not.
        """
        kept, results, unknown = self._read(asked.hours), [], []
        for bundle in self._in_force(kept):
            seen = kept.of(bundle)
            try:
                found = what_if(bundle, seen, self._alternative(bundle, seen, asked), asked.hours)
            except UnknownName:
                raise
            except RequestError as error:
                unknown.append({"bundle": bundle.digest, "devices": len(seen.devices), "reason": str(error)})
            else:
                results.append({"bundle": bundle.digest, **found})
        unknown += self._without_bundle(kept)
        if not results:
            raise RequestError("; ".join(str(one["reason"]) for one in unknown) or "there are no devices")
        return {"at": kept.at, "hours": asked.hours, "results": results, "not_known": unknown}

    def drift(self, asked: DriftQuery) -> dict[str, Any]:
        """For each bundle in force the devices that no longer fit what is known of them."""
        recent, before = self._read(asked.hours), self._read(asked.hours + asked.before, asked.hours)
        before = before._replace(devices=recent.devices)
        results = [
            {"bundle": bundle.digest, **drift(bundle, recent.of(bundle), before.of(bundle), asked.rate)}
            for bundle in self._in_force(recent)
        ]
        return {
            "at": recent.at,
            "rate": asked.rate,
            "results": results,
            "not_known": self._without_bundle(recent),
        }

    def _alternative(self, bundle: KnownBundle, seen: Observed, asked: WhatIfQuery) -> Alternative:
        other = self._named(asked.bundle) if asked.bundle else None
        serving = other or bundle
        check_route(asked.policy, serving.manifest, serving.measured)
        change = pb.FleetSettings()
        change.CopyFrom(asked.settings)
        if asked.weights:
            change.weights.accuracy = asked.weights.accuracy_point
            change.weights.kilobyte, change.weights.joule = asked.weights.kilobyte, asked.weights.joule
        check_rules(held_settings(text_of(change)).policy_rules(), serving.manifest, serving.measured)
        return Alternative(
            _changed([device.settings for device in seen.devices], change),
            changed=bool(change.ByteSize()) or asked.policy != AUTO,
            route=asked.policy,
            bundle=None if other is None or other.digest == bundle.digest else other,
            price_per_megabyte=asked.price_per_megabyte,
            second_worth=asked.second_worth,
            kind=asked.kind,
            link_class=asked.link_class,
        )

    def _named(self, digits: str) -> KnownBundle:
        found = [bundle for digest, bundle in self._bundles.items() if digest.startswith(digits)]
        if len(found) != 1:
            raise UnknownName("bundle", digits[:64], sorted(self._bundles))
        return found[0]

    def _in_force(self, kept: _Kept) -> list[KnownBundle]:
        digests = {device.bundle for device in kept.devices}
        return [bundle for digest, bundle in self._bundles.items() if digest in digests]

    def _without_bundle(self, kept: _Kept) -> list[dict[str, Any]]:
        counts = Counter(device.bundle for device in kept.devices if device.bundle not in self._bundles)
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

    def _read(self, first: int, last: int = 0) -> _Kept:
        """From so many hours ago to so many."""
        with self._lock:
            known, now = self._kept.get((first, last)), time.time()
            if known is None or now - known.at > _FRESH_SECONDS:
                known = self._anew(now, first, last)
                self._kept = {key: one for key, one in self._kept.items() if now - one.at <= _FRESH_SECONDS}
                self._kept[first, last] = known
            return known

    def _anew(self, now: float, first: int, last: int) -> _Kept:
        start = now - first * _HOUR
        end = floor((now - last * _HOUR) / _HOUR) * _HOUR if last else now
        with self._database.reading() as connection:
            devices = [tuned_device(record) for record in device_records(connection)]
            sums, arms = observed_sums(connection, start, end), arm_sums(connection, start, end)
        return _Kept(now, devices, sums, arms)


def _changed(held: Sequence[HeldSettings], change: pb.FleetSettings) -> list[HeldSettings]:
    """On top of what each device has. Most of a fleet have the same."""
    found: Mapping[HeldSettings, HeldSettings] = {
        one: held_settings(text_of(merged(_message(one), change))) for one in set(held)
    }
    return [found[one] for one in held]


def _message(held: HeldSettings) -> pb.FleetSettings:
    return from_json(pb.Desired, b'{"settings":' + msgspec.json.encode(held) + b"}").settings
