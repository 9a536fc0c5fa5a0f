"""One step of a rollout, from what is seen of its devices: its state, what to do, and the verdict."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from cloud.fleet.rollout.comparison import FULL, LOOKS, Summaries, look
from cloud.fleet.rollout.plan import RolloutPlan
from cloud.fleet.rollout.ruling import unproven, violated
from cloud.fleet.rollout.standings import DeviceSeen, observe
from cloud.fleet.rollout.state import RolloutState, RolloutStatus, Standing, evidence_key
from cloud.fleet.rollout.treating import candidates, needed, treat
from cloud.rollout.canary import Verdict

_ON_THE_WAY = (Standing.COMMANDED, Standing.TAKING_OVER)


class RolloutStep(NamedTuple):
    """`treat` get the new settings now, `restore` those of before. The state is written before either."""

    state: RolloutState
    verdict: Verdict
    reason: str
    treat: Sequence[str] = ()
    restore: Sequence[str] = ()


def begin(now: float) -> RolloutState:
    """A rollout before its first step."""
    return RolloutState(phase_since=now, budget_at=now)


def advance(
    plan: RolloutPlan,
    state: RolloutState,
    seen: Mapping[str, DeviceSeen],
    summaries: Summaries,
    now: float,
) -> RolloutStep:
    """Look at the devices, then roll back, hold, or go on. A rollout that is paused is watched, too; one that
    has ended does nothing any more.
    """
    if state.status.ended:
        return RolloutStep(state, Verdict.HOLD, state.reason)
    state = observe(plan, state, seen, now)
    known, state = state.evidence, look(plan, state, summaries, now)
    if harm := _harm(plan, state, news=state.evidence is not known):
        return roll_back(state, harm)
    if state.status is RolloutStatus.PAUSED:
        return RolloutStep(state, Verdict.HOLD, "paused")
    if reason := _waits_for(plan, state, seen, now):
        state, chosen = treat(plan, state, seen, now)
        return RolloutStep(state, Verdict.HOLD, reason, treat=chosen)
    return _next_phase(plan, state, now)


def roll_back(
    state: RolloutState, reason: str, status: RolloutStatus = RolloutStatus.ROLLED_BACK
) -> RolloutStep:
    """All treated devices get their earlier settings, in this one step."""
    if state.status.ended:
        return RolloutStep(state, Verdict.ROLL_BACK, state.reason)
    ended = msgspec.structs.replace(state, status=status, reason=reason)
    return RolloutStep(ended, Verdict.ROLL_BACK, reason, restore=list(state.treated))


def _harm(plan: RolloutPlan, state: RolloutState, *, news: bool) -> str:
    if plan.max_failed is not None and state.failed >= max(plan.max_failed, 1):
        return f"{state.failed} treated devices failed, of which {max(plan.max_failed, 1)} are too many"
    found = violated(plan, state) if news else None
    return str(found) if found else ""


def _waits_for(plan: RolloutPlan, state: RolloutState, seen: Mapping[str, DeviceSeen], now: float) -> str:
    """Why the phase is not over; empty where it is."""
    if needed(plan, state) > 0 and candidates(plan, state, seen):
        return "devices are being told"
    if count := sum(state.count(standing) for standing in _ON_THE_WAY):
        return f"{count} devices have not reported yet"
    if state.phase >= len(plan.phases):
        return ""
    if now < _healthy_at(plan, state):
        return "the health window is not over"
    if state.unproven:
        return ""
    return _lacks(plan, state)


def _healthy_at(plan: RolloutPlan, state: RolloutState) -> float:
    """When the last device of the phase that was there has been watched long enough."""
    watched = (
        device.since
        for device in state.treated.values()
        if device.phase == state.phase and device.connected and device.since is not None
    )
    return max(watched, default=state.phase_since) + plan.health


def _lacks(plan: RolloutPlan, state: RolloutState) -> str:
    """What is not known that the next phase needs. Where there are no data, that is much."""
    if state.failed > plan.tolerated * len(state.treated):
        return f"{state.failed} of {len(state.treated)} treated devices failed"
    if state.phase >= plan.last_phase:
        return ""
    if plan.guards.errors is not None and not _has_data(state):
        return "there are no data of treated devices and of others to compare them with"
    if plan.needs_proof(state.phase + 1) and (measures := unproven(plan, state, state.phase)):
        return f"not known to be within its bound yet: {', '.join(measures)}"
    return ""


def _has_data(state: RolloutState) -> bool:
    """Of a whole health window of this phase."""
    keys = (evidence_key("errors", "", state.phase, look) for look in range(FULL, len(LOOKS)))
    return any(state.evidence[key].blocks for key in keys if key in state.evidence)


def _next_phase(plan: RolloutPlan, state: RolloutState, now: float) -> RolloutStep:
    if state.phase >= plan.last_phase:
        done = msgspec.structs.replace(state, status=RolloutStatus.DONE, reason="")
        return RolloutStep(done, Verdict.ADVANCE, "done")
    phase = state.phase + 1
    while phase < plan.last_phase and plan.quota(phase) <= plan.quota(state.phase):
        phase += 1  # of a small fleet, where shares round to the same devices
    moved = msgspec.structs.replace(state, phase=phase, phase_since=now, unproven=False)
    return RolloutStep(moved, Verdict.ADVANCE, f"phase {phase + 1} begins")
