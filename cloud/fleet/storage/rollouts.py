"""Rollouts: each step is written, with what it changes, in one transaction."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from cloud.fleet.rollout.advance import RolloutStep, begin
from cloud.fleet.rollout.plan import Member, RolloutPlan, frozen_cohort
from cloud.fleet.rollout.state import RolloutState, RolloutStatus
from cloud.fleet.storage.audit import CONTROLLER, Who, record
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.desired import Wanted, check_can, want, wanted
from cloud.fleet.storage.devices import Selection, selected
from cloud.fleet.storage.history import keep_moment
from cloud.fleet.storage.tables import EARLIER, ROLLOUTS
from cloud.fleet.wishes.merging import merged, settings_of, text_of
from cloud.rollout.canary import Verdict
from protos import fleet_pb2 as pb
from protos.errors import Conflict, RequestError, UnknownName

_RUNNING = (RolloutStatus.RUNNING.value, RolloutStatus.PAUSED.value)
_TRIES = 10

Check = Callable[[sa.Connection], None]


class KeptRollout(NamedTuple):
    """A rollout as it is written."""

    id: str
    created: float
    settings: str
    plan: RolloutPlan
    state: RolloutState
    verdict: str
    reason: str
    revision: int


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator says of a plan; `RolloutPlan` says what each is."""

    selection: Selection = Selection()
    percentage: float = 100.0  # of the selected devices, drawn
    plan: dict[str, Any] = {}


def start(database: Database, asked: PlanRequest, settings: pb.FleetSettings, who: Who) -> str:
    """A new rollout's id. Its cohort is drawn now, and frozen.

    Raises RequestError where the plan is none, or a device cannot do it, naming these; Conflict where one is
    in another rollout.
    """
    name = secrets.token_hex(4)
    with database.reading() as connection:
        rows = selected(connection, asked.selection)
        drawn = frozen_cohort((Member(row["name"], row["kind"]) for row in rows), secrets.token_hex(16))
        plan = _plan(asked, drawn[: max(1, round(len(drawn) * asked.percentage / 100))])
        names = [member.device for member in plan.cohort]
        found = wanted(connection, names)
    check_can(found, _changed(found, settings))  # before anything is locked: it may take seconds
    with database.writing() as connection:
        _check_free(connection, set(names))
        connection.execute(
            ROLLOUTS.insert().values(
                id=name,
                created=time.time(),
                settings=text_of(settings),
                plan=msgspec.json.encode(plan),
                state=msgspec.json.encode(begin(time.time())),
                status=RolloutStatus.RUNNING.value,
            )
        )
        record(connection, who, "start rollout", name, f"{len(names)} devices: {text_of(settings)}")
    return name


def open_rollouts(connection: sa.Connection) -> list[tuple[str, int]]:
    """Those that have not ended, with their revisions."""
    asked = sa.select(ROLLOUTS.c.id, ROLLOUTS.c.revision).where(ROLLOUTS.c.status.in_(_RUNNING))
    return [(name, revision) for name, revision in connection.execute(asked)]


def rollout_of(connection: sa.Connection, name: str) -> KeptRollout:
    """Raises UnknownName."""
    row = connection.execute(sa.select(ROLLOUTS).where(ROLLOUTS.c.id == name)).mappings().first()
    if row is None:
        known = connection.scalars(sa.select(ROLLOUTS.c.id).order_by(ROLLOUTS.c.created.desc()).limit(20))
        raise UnknownName("rollout", name, list(known))
    return KeptRollout(
        row["id"],
        row["created"],
        row["settings"],
        msgspec.json.decode(row["plan"], type=RolloutPlan),
        msgspec.json.decode(row["state"], type=RolloutState),
        row["verdict"],
        row["reason"],
        row["revision"],
    )


def listed_rollouts(connection: sa.Connection, limit: int) -> list[dict[str, Any]]:
    """The newest first, without plan and state."""
    columns = [ROLLOUTS.c[name] for name in ("id", "created", "settings", "status", "verdict", "reason")]
    asked = sa.select(*columns).order_by(ROLLOUTS.c.created.desc()).limit(limit)
    return [dict(row) for row in connection.execute(asked).mappings()]


def write_step(
    database: Database,
    kept: KeptRollout,
    step: RolloutStep,
    who: Who = CONTROLLER,
    check: Check | None = None,
) -> KeptRollout:
    """A step's state, and what it changes: all of it or nothing, so that whoever goes on after a crash finds
    neither half. `check`: that this controller still leads.

    Raises Conflict where the rollout was changed meanwhile.
    """
    with database.writing() as connection:
        if check:
            check(connection)
        _write_state(connection, kept, step)
        keep_moment(connection, kept.id, kept.plan, kept.state, step.state)
        _treat(database, connection, kept, step.treat)
        _restore(database, connection, kept, step.restore)
        if step.verdict is not Verdict.HOLD or who is not CONTROLLER:
            record(connection, who, f"rollout {step.verdict.value}", kept.id, step.reason)
    return kept._replace(
        state=step.state, verdict=step.verdict.value, reason=step.reason, revision=kept.revision + 1
    )


def change_rollout(
    database: Database, name: str, change: Callable[[RolloutState], RolloutStep], who: Who
) -> None:
    """What an operator does to a rollout, whatever step the leader takes meanwhile. Raises UnknownName, and
    what `change` raises; Conflict where the leader is quicker each time.
    """
    for tries_left in reversed(range(_TRIES)):
        with database.reading() as connection:
            kept = rollout_of(connection, name)
        try:
            write_step(database, kept, change(kept.state), who)
        except Conflict:
            if not tries_left:
                raise
        else:
            return


def _write_state(connection: sa.Connection, kept: KeptRollout, step: RolloutStep) -> None:
    seen = sa.and_(ROLLOUTS.c.id == kept.id, ROLLOUTS.c.revision == kept.revision)
    changed = connection.execute(
        ROLLOUTS.update()
        .where(seen)
        .values(
            state=msgspec.json.encode(step.state),
            status=step.state.status.value,
            verdict=step.verdict.value,
            reason=step.reason,
            revision=kept.revision + 1,
        )
    )
    if not changed.rowcount:
        raise Conflict(f"the rollout {kept.id} was changed meanwhile; look at it again", rollout=kept.id)


def _treat(database: Database, connection: sa.Connection, kept: KeptRollout, names: Sequence[str]) -> None:
    found, change = wanted(connection, list(names)), settings_of(kept.settings)
    earlier = [{"rollout": kept.id, "device": name, "settings": one.settings} for name, one in found.items()]
    if earlier:
        database.upsert(connection, EARLIER, earlier)
    want(database, connection, _changed(found, change), found, rollout=kept.id)


def _changed(found: Mapping[str, Wanted], change: pb.FleetSettings) -> dict[str, str]:
    """The settings of each device with a change on top. Most of a fleet have the same."""
    texts = {
        text: text_of(merged(settings_of(text), change)) for text in {one.settings for one in found.values()}
    }
    return {name: texts[one.settings] for name, one in found.items()}


def _restore(database: Database, connection: sa.Connection, kept: KeptRollout, names: Sequence[str]) -> None:
    if not names:
        return
    asked, among = sa.select(EARLIER.c.device, EARLIER.c.settings), set(names)
    rows = connection.execute(asked.where(EARLIER.c.rollout == kept.id))
    earlier = {device: text for device, text in rows if device in among}
    want(database, connection, earlier, wanted(connection, list(earlier)), rollout="")


def _check_free(connection: sa.Connection, names: set[str]) -> None:
    for other, _ in open_rollouts(connection):
        both = names & {member.device for member in rollout_of(connection, other).plan.cohort}
        if both:
            raise Conflict(
                f"{len(both)} of these devices, {min(both)} among them, are in the rollout {other}; abort "
                "that, or wait for its end",
                rollout=other,
            )


def _plan(asked: PlanRequest, cohort: Sequence[Member]) -> RolloutPlan:
    if not 0 < asked.percentage <= 100:
        raise RequestError(f"a percentage of {asked.percentage:g} is none; give more than 0, up to 100")
    if {"cohort", "kinds"} & set(asked.plan):
        raise RequestError("the cohort follows from the selection; leave it out of the plan")
    try:
        return msgspec.convert(
            {**asked.plan, "cohort": [msgspec.to_builtins(m) for m in cohort]}, RolloutPlan
        )
    except msgspec.ValidationError as error:
        raise RequestError(f"the plan is none: {error}; see isthmus fleet rollout start --help") from error
