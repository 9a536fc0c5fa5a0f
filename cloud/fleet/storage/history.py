"""What a rollout knew over time: a bounded history, where its state holds the present evidence alone."""

import time
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from cloud.fleet.rollout.plan import RolloutPlan
from cloud.fleet.rollout.ruling import GuardFinding, findings
from cloud.fleet.rollout.state import RolloutState, Standing
from cloud.fleet.storage.tables import HISTORY

_MAX_MOMENTS = 400  # of a rollout; of more, every second one of the older half goes
_FIELDS = ("effect", "half", "harm", "health", "blocks", "kind")


class GuardMoment(msgspec.Struct, frozen=True, kw_only=True):
    """A guard's strongest evidence of harm, by whichever look, phase and class it is. `harm`, `health`: as
    `GuardFinding` has them.
    """

    measure: str
    kind: str
    effect: float
    half: float
    harm: float
    health: float
    blocks: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout, as it was at a time."""

    at: float = 0.0
    phase: int
    status: str
    reason: str
    treated: int
    in_force: int
    failed: int
    guards: list[GuardMoment]


def keep_moment(
    connection: sa.Connection, rollout: str, plan: RolloutPlan, before: RolloutState, state: RolloutState
) -> None:
    """In the transaction of the step itself, where phase, status or evidence are others than before."""
    if (before.phase, before.status) == (state.phase, state.status) and before.evidence == state.evidence:
        return
    known = msgspec.json.encode(_moment(plan, state)).decode()
    connection.execute(HISTORY.insert().values(rollout=rollout, at=time.time(), known=known))
    _thin(connection, rollout)


def history(connection: sa.Connection, rollout: str) -> Sequence[Moment]:
    """In order of time."""
    asked = sa.select(HISTORY.c.at, HISTORY.c.known).where(HISTORY.c.rollout == rollout)
    return [
        msgspec.structs.replace(msgspec.json.decode(known, type=Moment), at=at)
        for at, known in connection.execute(asked.order_by(HISTORY.c.id))
    ]


def strongest(found: Sequence[GuardFinding]) -> Sequence[GuardFinding]:
    """Of each guard, the finding with the most evidence of harm, in the order that guards are in."""
    best: dict[str, GuardFinding] = {}
    for one in found:
        if one.measure not in best or one.harm > best[one.measure].harm:
            best[one.measure] = one
    return list(best.values())


def _moment(plan: RolloutPlan, state: RolloutState) -> Moment:
    found = [one for phase in range(state.phase + 1) for one in findings(plan, state, phase)]
    return Moment(
        phase=state.phase,
        status=state.status.value,
        reason=state.reason,
        treated=len(state.treated),
        in_force=state.count(Standing.IN_FORCE),
        failed=state.failed,
        guards=[
            GuardMoment(measure=one.measure, **{name: getattr(one, name) for name in _FIELDS})
            for one in strongest(found)
        ],
    )


def _thin(connection: sa.Connection, rollout: str) -> None:
    asked = sa.select(HISTORY.c.id).where(HISTORY.c.rollout == rollout).order_by(HISTORY.c.id)
    kept = list(connection.scalars(asked))
    if len(kept) > _MAX_MOMENTS:
        connection.execute(HISTORY.delete().where(HISTORY.c.id.in_(kept[1 : len(kept) // 2 : 2])))
