"""Whether a wish of the fleet's operators is taken. Pure."""

import hashlib
from dataclasses import dataclass

from edge.agent.config.settings import AgentSettings
from edge.agent.fleet.overlay import ImpossibleWish, overlaid, update_of
from edge.agent.fleet.possible import check_possible
from protos import fleet_pb2 as pb
from protos.bundle import Bundle
from protos.errors import RequestError
from protos.fleet.bounds import violations
from protos.fleet.messages import from_json

_MAX_VERSION = (1 << 53) - 1  # what a number of JSON tells exactly
_NAMED = 3

Reason = pb.Refusal.Reason


@dataclass(frozen=True)
class Given:
    """The last wish that counted: the greatest version, and the digest of its text."""

    version: int = 0
    text: str = ""


@dataclass(frozen=True)
class DeviceNow:
    """What a wish is held against. `own`: the digest of the bundle that the file names."""

    base: AgentSettings  # of the file
    bundle: Bundle  # the open one
    own: str


@dataclass(frozen=True)
class Considered:
    """`desired` is taken, unless it is `refused`, or is told `again`. `given`: what counts from now on."""

    given: Given
    desired: pb.Desired
    refused: pb.Refusal | None = None
    again: bool = False


def consider(data: bytes, given: Given, device: DeviceNow) -> Considered:
    """A message of `shadow/desired`."""
    try:
        desired = from_json(pb.Desired, data)
    except RequestError as error:
        malformed = pb.Refusal(reason=Reason.MALFORMED, text=str(error))
        return Considered(given, pb.Desired(), malformed)
    text = digest_of(desired)
    if (desired.version, text) == (given.version, given.text):
        return Considered(given, desired, again=True)
    if refused := _of_version(desired.version, given):
        return Considered(given, desired, refused)
    return Considered(Given(desired.version, text), desired, _of_settings(desired, device))


def digest_of(desired: pb.Desired) -> str:
    """The same for two texts of one meaning; when it was said does not matter."""
    bare = pb.Desired(version=desired.version, settings=desired.settings)
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


def refusal(version: int, reason: pb.Refusal.Reason, field: str, text: str) -> pb.Refusal:
    return pb.Refusal(version=version, reason=reason, field=field, text=text)


def _of_version(version: int, given: Given) -> pb.Refusal | None:
    if not 1 <= version <= _MAX_VERSION:
        return refusal(
            version, Reason.OUT_OF_BOUNDS, "version", f"{version}; give a number from 1 to {_MAX_VERSION}"
        )
    if version > given.version:
        return None
    if version == given.version:
        words = f"another text of version {version}; give {version + 1}"
    else:
        words = f"version {version} comes after {given.version}; give {given.version + 1}"
    return refusal(version, Reason.STALE, "version", words)


def _of_settings(desired: pb.Desired, device: DeviceNow) -> pb.Refusal | None:
    wish, version = desired.settings, desired.version
    if broken := violations(wish):
        words = "; ".join(f"{one.field}: {one.text}" for one in broken[:_NAMED])
        return refusal(version, Reason.OUT_OF_BOUNDS, broken[0].field, words)
    try:
        check_wish(wish, device)
    except ImpossibleWish as error:
        return refusal(version, Reason.IMPOSSIBLE, error.field, str(error))
    return None


def check_wish(wish: pb.FleetSettings, device: DeviceNow) -> None:
    """Raises ImpossibleWish. A bundle that is not open is held against the wish once it is tried."""
    settings = overlaid(device.base, wish)
    if wish.HasField("bundle"):
        update_of(device.base, wish.bundle, device.own)
        if wish.bundle.digest != device.bundle.digest:
            return
    check_possible(device.base, settings, wish, device.bundle)
