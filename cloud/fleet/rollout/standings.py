"""How it is with each treated device: in force, on the way, offline, refused, or failed."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from cloud.fleet.rollout.plan import RolloutPlan
from cloud.fleet.rollout.state import RolloutState, Standing, Treated


class DeviceSeen(NamedTuple):
    """A device as the controller knows it now. Times are by the controller's clock."""

    online: bool | None = None  # None: nothing is known
    heard: float = 0.0  # when it was last heard of
    in_force: bool = False  # it reports the rollout's settings
    taking_over: bool = False
    refused: str = ""  # why it does not take them
    taken_back: bool = False  # it had tried before it refused


_UNKNOWN = DeviceSeen()


def observe(
    plan: RolloutPlan, state: RolloutState, seen: Mapping[str, DeviceSeen], now: float
) -> RolloutState:
    """With every treated device's standing as it is now."""
    changed = {}
    for name, device in state.treated.items():
        known = seen.get(name, _UNKNOWN)
        standing = _standing(plan, device, known, now)
        since = now if device.since is None and standing is Standing.IN_FORCE else device.since
        if (standing, since, known.refused) != (device.standing, device.since, device.reason):
            changed[name] = msgspec.structs.replace(
                device, standing=standing, since=since, reason=known.refused
            )
    if not changed:
        return state
    return msgspec.structs.replace(state, treated={**state.treated, **changed})


def _standing(plan: RolloutPlan, device: Treated, seen: DeviceSeen, now: float) -> Standing:
    if seen.refused:
        return Standing.TAKEN_BACK if seen.taken_back else Standing.REFUSED
    quiet = now - max(seen.heard, device.at) >= plan.silent
    if not seen.online:
        was_there = device.connected or seen.heard > device.at
        return Standing.SILENT if quiet and was_there else Standing.OFFLINE
    if quiet:
        return Standing.SILENT
    if seen.in_force:
        return Standing.IN_FORCE
    on_the_way, most = Standing.COMMANDED, plan.late
    if seen.taking_over:
        on_the_way, most = Standing.TAKING_OVER, plan.takeover
    return Standing.LATE if now - device.at >= most else on_the_way
