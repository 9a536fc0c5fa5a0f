"""What an operator may wish for: the bounds of every field of `FleetSettings`, in one table.

Controller and device check alike, so that a wish which no device can take is never sent, and one that comes
all the same is refused.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.message import Message

from protos import fleet_pb2 as pb
from protos.fleet.topics import NAME

DIGEST = r"^[0-9a-f]{64}$"
_URL = r"^(https?://[^\s/?#@]+(/\S*)?)?$"
_MAX_SHOWN = 40


class Bound(NamedTuple):
    """Of one field: a number's value, a text's bytes, a list's entries. `field`: its path below `settings`,
    where `[]` stands for each entry of a list. `form`: an expression that a text matches, and what that is
    called.
    """

    field: str
    least: float
    most: float
    unit: str
    form: tuple[str, str] | None = None


class Violation(NamedTuple):
    """A field that is out of its bounds: `settings.sources[2].rate`, and what is wrong with it."""

    field: str
    text: str


_NAME = (NAME, "a name of a-z, 0-9, - and _")
BOUNDS = (
    Bound("bundle.digest", 64, 64, "bytes", (DIGEST, "a digest of 64 hexadecimal digits")),
    Bound(
        "bundle.url", 0, 2048, "bytes", (_URL, "an address of the web without a password: https://HOST/PATH")
    ),
    Bound("cuts.allowed", 0, 64, "entries"),
    Bound("cuts.allowed[]", 1, 64, "bytes"),
    Bound("cuts.pinned", 0, 64, "bytes"),
    Bound("cuts.codec", 0, 64, "bytes"),
    Bound("weights.accuracy", 0, 60_000, "ms a point"),
    Bound("weights.kilobyte", 0, 60_000, "ms a kilobyte"),
    Bound("weights.joule", 0, 60_000, "ms a joule"),
    Bound("rules.deadline_milliseconds", 0, 3_600_000, "ms"),
    Bound("rules.confidence", 0.01, 0.9999, ""),
    Bound("rules.max_loss", 0, 100, "points"),
    Bound("rules.bytes_per_day", 0, 1e12, "bytes"),
    Bound("rules.battery_floor", 0, 100, "%"),
    Bound("rules.temperature_ceiling", 0, 150, "C"),
    Bound("sources", 0, 64, "entries"),
    Bound("sources[].name", 1, 63, "bytes", _NAME),
    Bound("sources[].rate", 1 / 86_400, 1000, "frames a second"),
    Bound("sources[].bytes_per_day", 0, 1e12, "bytes"),
    Bound("sources[].joules_per_day", 0, 1e8, "J"),
    Bound("sources[].questions", 0, 16, "entries"),
    Bound("sources[].questions[].name", 1, 63, "bytes", _NAME),
    Bound("sources[].questions[].text", 0, 4096, "bytes"),
    Bound("sources[].questions[].labels", 0, 256, "entries"),
    Bound("sources[].questions[].labels[]", 1, 256, "bytes"),
    Bound("sources[].questions[].threshold", 0, 2, ""),
    Bound("sources[].questions[].max_tokens", 0, 65_536, "tokens"),
    Bound("telemetry_seconds", 0, 86_400, "s"),
    Bound("agreement_percent", 0, 100, "%"),
    Bound("agreement_bytes_per_hour", 0, 1e12, "bytes"),
)


def violations(settings: pb.FleetSettings) -> list[Violation]:
    """What is out of bounds, and what goes together in no way; empty where all is well."""
    found = [one for bound in BOUNDS for one in _broken(bound, settings)]
    return found + list(_contradictions(settings))


def _broken(bound: Bound, settings: pb.FleetSettings) -> Iterator[Violation]:
    for field, value in _at(settings, bound.field, "settings"):
        if words := _wrong(bound, value):
            yield Violation(field, words)


def _at(value: Any, path: str, place: str) -> Iterator[tuple[str, Any]]:
    """What is set at a path below a message, and where."""
    name, _, below = path.partition(".")
    bare = name.removesuffix("[]")
    if isinstance(value, Message) and not _present(value, bare):
        return
    found = getattr(value, bare)
    for at, one in (
        [(f"{place}.{bare}[{index}]", one) for index, one in enumerate(found)]
        if name.endswith("[]")
        else [(f"{place}.{bare}", found)]
    ):
        yield from _at(one, below, at) if below else [(at, one)]


def _present(message: Message, name: str) -> bool:
    """A field that has no presence is always there."""
    return not message.DESCRIPTOR.fields_by_name[name].has_presence or message.HasField(name)


def _wrong(bound: Bound, value: Any) -> str:
    """What is wrong with a value; empty where nothing is."""
    number = isinstance(value, (int, float))
    size = value if number else len(value.encode() if isinstance(value, str) else value)
    least, most = (format(edge, ".10g") for edge in (bound.least, bound.most))
    if not bound.least <= size <= bound.most:  # NaN neither
        told = f"{size:.10g}" if number else f"of {size}"
        allowed = most if least == most else f"from {least} to {most}"
        return (
            f"{told} {bound.unit}".rstrip() + f"; give {allowed}" + (f" {bound.unit}" if bound.unit else "")
        )
    if bound.form and not re.fullmatch(bound.form[0], value):
        return f"{value[:_MAX_SHOWN]!r}; give {bound.form[1]}"
    return ""


def _contradictions(settings: pb.FleetSettings) -> Iterator[Violation]:
    cuts, rules = settings.cuts, settings.rules
    if cuts.codec and not cuts.pinned:
        yield Violation(
            "settings.cuts.codec", "a codec without a pinned cut; give cuts.pinned too, or neither"
        )
    if cuts.pinned and cuts.allowed and cuts.pinned not in cuts.allowed:
        yield Violation(
            "settings.cuts.pinned", f"{cuts.pinned!r} is not among cuts.allowed; allow it, or pin another"
        )
    if rules.never_leave_device and rules.HasField("local") and not rules.local:
        yield Violation("settings.rules.local", "neither device nor cloud may answer; allow one of them")
    yield from _twice("settings.sources", [source.name for source in settings.sources])
    for index, source in enumerate(settings.sources):
        place = f"settings.sources[{index}].questions"
        yield from _twice(place, [question.name for question in source.questions])


def _twice(place: str, names: list[str]) -> Iterator[Violation]:
    seen = set[str]()
    for index, name in enumerate(names):
        if name in seen:
            yield Violation(f"{place}[{index}].name", f"{name!r} is the name of two; give each its own")
        seen.add(name)
