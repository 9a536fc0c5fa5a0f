"""Which devices are treated next, and which ones each is compared with."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from cloud.fleet.rollout.plan import Member, RolloutPlan
from cloud.fleet.rollout.standings import DeviceSeen
from cloud.fleet.rollout.state import Block, RolloutState, Treated

_MAX_BLOCKS = 1000  # of a phase: as many as are needed to see anything
_MAX_CONTROLS, _MIN_CONTROLS, _MAX_COMPARED = 64, 8, 8000  # of a block; of all blocks of a phase
_BURST_SECONDS = 10.0  # worth of commands at once
_NOT_SEEN = DeviceSeen()


def treat(
    plan: RolloutPlan, state: RolloutState, seen: Mapping[str, DeviceSeen], now: float
) -> tuple[RolloutState, Sequence[str]]:
    """With as many further devices as the phase and the rate allow, and which these are."""
    missing = needed(plan, state)
    if missing <= 0 or not (waiting := candidates(plan, state, seen)):
        return state, []
    state = _with_budget(plan, state, now)
    chosen = waiting[: min(missing, int(state.budget))]
    if not chosen:
        return state, []
    treated = {
        member.device: Treated(now, state.phase, bool(seen.get(member.device, _NOT_SEEN).online))
        for member in chosen
    }
    blocks = _blocks(plan, state, seen, chosen, missing, now)
    state = msgspec.structs.replace(
        state,
        treated={**state.treated, **treated},
        blocks={**state.blocks, **blocks},
        budget=state.budget - len(chosen),
    )
    return state, list(treated)


def needed(plan: RolloutPlan, state: RolloutState) -> int:
    """How many devices the phase lacks. Those that are offline or refuse are replaced, once."""
    quota = plan.quota(state.phase)
    replaced = sum(device.standing.replaced for device in state.treated.values())
    return min(quota - (len(state.treated) - replaced), 2 * quota - len(state.treated))


def candidates(plan: RolloutPlan, state: RolloutState, seen: Mapping[str, DeviceSeen]) -> Sequence[Member]:
    """In the order in which they come. Who is not connected waits for the phase of all."""
    whole = state.phase >= len(plan.phases) - 1
    among = (
        plan.cohort if state.phase >= len(plan.phases) else plan.cohort[: len(plan.cohort) - plan.controls]
    )
    untreated = [member for member in among if member.device not in state.treated]
    online = [member for member in untreated if seen.get(member.device, _NOT_SEEN).online]
    if not whole:
        return online
    return online + [member for member in untreated if not seen.get(member.device, _NOT_SEEN).online]


def _with_budget(plan: RolloutPlan, state: RolloutState, now: float) -> RolloutState:
    passed = max(now - state.budget_at, 0.0)
    most = max(1.0, plan.per_minute * _BURST_SECONDS / 60)
    budget = min(most, state.budget + passed * plan.per_minute / 60)
    return msgspec.structs.replace(state, budget=budget, budget_at=now)


def _blocks(
    plan: RolloutPlan,
    state: RolloutState,
    seen: Mapping[str, DeviceSeen],
    chosen: Sequence[Member],
    missing: int,
    now: float,
) -> dict[str, Block]:
    """Controls of the same class, connected now as the treated one is, each in one block of the phase. Who is
    last to be treated is first to be a control.
    """
    if state.phase >= len(plan.phases):
        return {}
    taken, begun = {member.device for member in chosen} | set(state.treated), 0
    for name, block in state.blocks.items():
        if state.treated[name].phase == state.phase:
            taken.update(block.controls)
            begun += 1
    free: defaultdict[str, list[str]] = defaultdict(list)
    for member in plan.cohort:
        if member.device not in taken and seen.get(member.device, _NOT_SEEN).online:
            free[member.kind].append(member.device)
    share = _shares(chosen, missing)
    most = min(_MAX_CONTROLS, max(_MIN_CONTROLS, _MAX_COMPARED // missing))
    blocks: dict[str, Block] = {}
    for member in chosen[: _MAX_BLOCKS - begun]:
        have = free[member.kind]
        count = min(most, max(1, len(have) // max(1, share[member.kind]))) if have else 0
        if count and seen.get(member.device, _NOT_SEEN).online:
            blocks[member.device] = Block(tuple(have[-count:]), now + plan.late)
            del have[-count:]
            share[member.kind] -= 1
    return blocks


def _shares(chosen: Sequence[Member], missing: int) -> dict[str, int]:
    """About how many of each class the phase still compares."""
    counts = Counter(member.kind for member in chosen)
    compared = min(missing, _MAX_BLOCKS)
    return {kind: -(-count * compared // len(chosen)) for kind, count in counts.items()}
