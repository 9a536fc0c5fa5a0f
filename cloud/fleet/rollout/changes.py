"""What an operator does to a rollout. Each raises RequestError where the rollout has ended."""

import msgspec

from cloud.fleet.rollout.advance import RolloutStep, roll_back
from cloud.fleet.rollout.state import RolloutState, RolloutStatus
from protos.errors import RequestError


def pause(state: RolloutState) -> RolloutState:
    """Treat nobody more; the guards go on watching."""
    _check_runs(state, "pause")
    return msgspec.structs.replace(state, status=RolloutStatus.PAUSED)


def resume(state: RolloutState, *, unproven: bool = False) -> RolloutState:
    """Go on. `unproven`: the next phase begins after its health window without any proof, once."""
    _check_runs(state, "resume")
    return msgspec.structs.replace(state, status=RolloutStatus.RUNNING, unproven=unproven)


def abort(state: RolloutState, reason: str) -> RolloutStep:
    """All treated devices get their earlier settings again."""
    _check_runs(state, "abort")
    return roll_back(state, reason, RolloutStatus.ABORTED)


def _check_runs(state: RolloutState, verb: str) -> None:
    if state.status.ended:
        raise RequestError(
            f"the rollout is {state.status.value}, so there is nothing to {verb}; start another one"
        )
