"""What operators ask of tuning, read and checked: the parameters of a query."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.datastructures import QueryParams

from cloud.fleet.tuning.tune import Wishes
from cloud.fleet.wishes.merging import settings_of
from protos import fleet_pb2 as pb
from protos.arms.rules import AUTO
from protos.costs.weights import Weights
from protos.errors import RequestError

MAX_HOURS = 48  # of telemetry that is kept by device and arm
_MAX_WEIGHT = 1e6

_CLASSES = {
    "class": "of devices; all where it is left out",
    "link_class": "under-1, 1-5, 5-20, over-20 (Mbit/s); all where it is left out",
}
_WEIGHTS = {
    "latency": "what a millisecond is worth, beside the other weights (default: 1)",
    "accuracy": "what a point of accuracy is worth; without any weight those in force are taken",
    "bytes": "what a kilobyte is worth",
    "energy": "what a joule is worth",
}
_HOURS = {"hours": f"of telemetry, up to {MAX_HOURS} (default: 24)"}
TUNE_QUERY = {
    **_CLASSES,
    **_WEIGHTS,
    "min_accuracy": "percent, of the report: what is less accurate is not recommended",
    **_HOURS,
    "names": "1: tell the devices of each class by name",
}
WHAT_IF_QUERY = {
    **_CLASSES,
    **_WEIGHTS,
    **_HOURS,
    "settings": "FleetSettings of fleet.proto, as JSON, that devices would have on top of theirs",
    "policy": "auto, or a route that all answers would take: local, split@CUT/CODEC, upload@FORMAT-QUALITY",
    "bundle": "the first digits of the digest of another bundle that the controller was given",
    "price_per_megabyte": "of what is sent, in any money",
    "second_worth": "of an answer's time, in the same money: then bytes are weighed by their price",
}
DRIFT_QUERY = {
    "hours": "how long ago it began, at most (default: 6)",
    "before": "hours before that, which devices are held against (default: 24)",
    "rate": "percent of what is listed that may be false (default: 10)",
}


class TuneQuery(NamedTuple):
    """`names`: whether devices are named."""

    wishes: Wishes
    hours: int
    names: bool


class WhatIfQuery(NamedTuple):
    """`bundle`: the first digits of a digest."""

    hours: int
    settings: pb.FleetSettings
    weights: Weights | None
    policy: str
    bundle: str
    price_per_megabyte: float | None
    second_worth: float | None
    kind: str
    link_class: str


class DriftQuery(NamedTuple):
    """`rate`: a part of 1."""

    hours: int
    before: int
    rate: float


def tune_query(asked: QueryParams) -> TuneQuery:
    """Raises RequestError."""
    _check_names(asked, TUNE_QUERY)
    least = _number(asked, "min_accuracy", -100, 100)
    wishes = Wishes(_weights(asked), least, asked.get("class", ""), asked.get("link_class", ""))
    return TuneQuery(wishes, _hours(asked, "hours", 24), asked.get("names", "") == "1")


def what_if_query(asked: QueryParams) -> WhatIfQuery:
    """Raises RequestError."""
    _check_names(asked, WHAT_IF_QUERY)
    worth, price = _number(asked, "second_worth", 1e-9, 1e9), _number(asked, "price_per_megabyte", 0, 1e9)
    if worth is not None and price is None:
        raise RequestError(
            "second_worth says how the price of bytes is weighed; give price_per_megabyte, too"
        )
    return WhatIfQuery(
        _hours(asked, "hours", 24),
        settings_of(asked.get("settings", "{}")),
        _weights(asked),
        asked.get("policy", AUTO),
        asked.get("bundle", ""),
        price,
        worth,
        asked.get("class", ""),
        asked.get("link_class", ""),
    )


def drift_query(asked: QueryParams) -> DriftQuery:
    """Raises RequestError."""
    _check_names(asked, DRIFT_QUERY)
    hours, before = _hours(asked, "hours", 6), _hours(asked, "before", 24)
    if hours + before > MAX_HOURS:
        raise RequestError(f"hours and before are {hours + before} together; give up to {MAX_HOURS}")
    rate = _number(asked, "rate", 0.01, 50)
    return DriftQuery(hours, before, 0.1 if rate is None else rate / 100)


def _check_names(asked: QueryParams, known: Mapping[str, str]) -> None:
    if unknown := set(asked) - set(known):
        raise RequestError(f"{min(unknown)[:40]!r} is no parameter; give {', '.join(known)}")


def _weights(asked: QueryParams) -> Weights | None:
    """None where none is named."""
    if not set(_WEIGHTS) & set(asked):
        return None
    usual, latency = Weights(), _number(asked, "latency", 1e-6, _MAX_WEIGHT) or 1.0
    defaults = {"accuracy": usual.accuracy_point, "bytes": usual.kilobyte, "energy": usual.joule}
    told = {name: _number(asked, name, 0, _MAX_WEIGHT) for name in defaults}
    worth = [defaults[name] if one is None else one / latency for name, one in told.items()]
    return Weights(1.0, *worth)


def _hours(asked: QueryParams, name: str, default: int) -> int:
    found = _number(asked, name, 1, MAX_HOURS)
    return default if found is None else round(found)


def _number(asked: QueryParams, name: str, least: float, most: float) -> float | None:
    """None where it is left out."""
    if name not in asked:
        return None
    try:
        found = float(asked[name])
    except ValueError:
        found = float("nan")
    if not least <= found <= most:
        raise RequestError(f"{name} is {asked[name][:20]!r}; give {least:g} to {most:g}")
    return found
