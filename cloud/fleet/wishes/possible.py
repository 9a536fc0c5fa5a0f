"""Whether a device can do what is wished of it, as far as it has told what it is."""

from collections.abc import Iterable, Mapping

from cloud.fleet.wishes.merging import merged
from protos import fleet_pb2 as pb
from protos.errors import RequestError

_MAX_NAMED = 10


def impossible(device: pb.Device, reported: pb.FleetSettings, wished: pb.FleetSettings) -> str:
    """Why settings leave this device no way to answer, or name what it has not; empty where they do not.

    `reported` is complete: what is wished of nothing is as it is now. Of a bundle that the device does not
    run yet the cuts are not known, and not judged.
    """
    whole = merged(reported, wished)
    held = {cut.name: list(cut.codecs) for cut in device.cuts}
    other = whole.bundle.digest and device.bundle and whole.bundle.digest != device.bundle
    if not held or other:
        return _without_route(whole, splits=True)
    cuts = whole.cuts
    if cuts.pinned and cuts.pinned not in held:
        return f"it has no cut {cuts.pinned}, but {', '.join(held)}"
    if cuts.pinned and cuts.codec and cuts.codec not in held[cuts.pinned]:
        return f"its cut {cuts.pinned} has no codec {cuts.codec}, but {', '.join(held[cuts.pinned])}"
    known = not cuts.allowed or bool(set(cuts.allowed) & set(held))
    return _without_route(whole, splits=known)


def _without_route(settings: pb.FleetSettings, *, splits: bool) -> str:
    rules = settings.rules
    local = not rules.HasField("local") or rules.local
    cloud = not rules.never_leave_device
    if local or (cloud and (splits or not rules.never_upload)):
        return ""
    if not cloud:
        return "no route is left: neither it nor the cloud may answer"
    return "no route is left: it may not answer alone, nor upload, and has none of the cuts allowed"


def check_possible(reasons: Mapping[str, str], of: Iterable[str]) -> None:
    """Raises RequestError where a change is impossible for a device, naming those."""
    wrong = {device: reasons[device] for device in of if reasons.get(device)}
    if not wrong:
        return
    told = "; ".join(f"{device}: {why}" for device, why in list(wrong.items())[:_MAX_NAMED])
    more = f"; and {len(wrong) - _MAX_NAMED} more" if len(wrong) > _MAX_NAMED else ""
    raise RequestError(
        f"{len(wrong)} of the devices cannot do that, so none is changed: {told}{more}", devices=sorted(wrong)
    )
