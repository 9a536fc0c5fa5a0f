"""What is wanted of each device: versions that only grow, and one text for one version."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from cloud.fleet.rollout.state import RolloutStatus
from cloud.fleet.storage.audit import Who, record_all
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.devices import Selection, selected
from cloud.fleet.storage.tables import DESIRED, DEVICES, EARLIER, ROLLOUTS
from cloud.fleet.wishes.merging import EMPTY, merged, settings_of, text_of, without
from cloud.fleet.wishes.possible import check_possible, impossible
from protos import fleet_pb2 as pb
from protos.errors import Conflict
from protos.fleet.messages import from_json, to_json

_CHUNK = 500
_RUNNING = (RolloutStatus.RUNNING.value, RolloutStatus.PAUSED.value)


class Wanted(NamedTuple):
    """What is wanted of a device now, and what it last told of itself."""

    version: int  # 0: nothing yet
    settings: str
    floor: int  # a version has to be greater than this
    device: str
    reported: str


def change(
    database: Database,
    names: Sequence[str],
    settings: pb.FleetSettings,
    who: Who,
    *,
    clear: Sequence[str] = (),
    expected: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Want something else of these devices; the version of each. `expected`: the versions that the operator
    has seen.

    Raises Conflict where a device has another version by now, or is in a rollout; RequestError where a device
    cannot do it, naming these, and then none is changed.
    """
    with database.reading() as connection:
        selected(connection, Selection(devices=tuple(names)))
        found = wanted(connection, names)
    _check_expected(found, expected or {})
    texts = {  # most of a fleet have the same
        text: text_of(merged(without(settings_of(text), list(clear)), settings))
        for text in {one.settings for one in found.values()}
    }
    changed = {name: texts[one.settings] for name, one in found.items()}
    check_can(found, changed)  # before anything is locked: of a large fleet it takes seconds
    with database.writing() as connection:
        now = wanted(connection, names)
        _check_expected(now, {name: one.version for name, one in found.items()})
        _check_free(connection, names)
        versions = want(database, connection, changed, now, rollout="")
        record_all(connection, who, "set", changed)
    return versions


def wanted(connection: sa.Connection, names: Sequence[str]) -> dict[str, Wanted]:
    """What is wanted of devices now."""
    found = {}
    for first in range(0, len(names), _CHUNK):
        asked = (
            sa.select(
                DEVICES.c.name,
                DESIRED.c.version,
                DESIRED.c.settings,
                DEVICES.c.highest_version,
                DEVICES.c.device,
                DEVICES.c.reported,
            )
            .select_from(DEVICES.outerjoin(DESIRED, DESIRED.c.device == DEVICES.c.name))
            .where(DEVICES.c.name.in_(names[first : first + _CHUNK]))
        )
        for name, version, settings, highest, device, reported in connection.execute(asked):
            floor = max(version or 0, highest)
            found[name] = Wanted(version or 0, settings or EMPTY, floor, device, reported)
    return found


def check_can(found: Mapping[str, Wanted], settings: Mapping[str, str]) -> None:
    """Raises RequestError where a device cannot do what its settings say."""
    wished = {text: settings_of(text) for text in set(settings.values())}
    known: dict[tuple[_Able, bytes, str], str] = {}  # most of a fleet are alike
    reasons = {}
    for name in found.keys() & settings.keys():
        one, text = found[name], settings[name]
        told = msgspec.json.decode(one.reported or EMPTY, type=_ToldReported)
        able = msgspec.json.decode(one.device or EMPTY, type=_ToldState).device
        key = able, bytes(told.settings), text
        if key not in known:
            device = from_json(pb.DeviceState, msgspec.json.encode(_ToldState(able))).device
            reported = from_json(pb.Reported, msgspec.json.encode(told)).settings
            known[key] = impossible(device, reported, wished[text])
        reasons[name] = known[key]
    check_possible(reasons, settings)


class _HeldCut(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = ""
    codecs: tuple[str, ...] = ()


class _Able(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of all that a device says it is, what decides whether it can do something."""

    bundle: str = ""
    cuts: tuple[_HeldCut, ...] = ()


class _ToldState(msgspec.Struct, frozen=True, omit_defaults=True):
    device: _Able = _Able()


class _ToldReported(msgspec.Struct, frozen=True):
    settings: msgspec.Raw = msgspec.Raw(b"{}")


def want(
    database: Database,
    connection: sa.Connection,
    settings: Mapping[str, str],
    found: Mapping[str, Wanted],
    *,
    rollout: str,
) -> dict[str, int]:
    """Write new versions of desired settings, within a transaction."""
    rows, at = [], time.time()
    parsed = {text: settings_of(text) for text in set(settings.values())}
    for name, text in settings.items():
        version = found[name].floor + 1
        desired = pb.Desired(version=version, settings=parsed[text])
        desired.at.FromMilliseconds(int(1000 * at))
        message = to_json(desired).decode()
        row = {"device": name, "version": version, "settings": text, "message": message, "rollout": rollout}
        rows.append(row)
    if rows:
        database.upsert(connection, DESIRED, rows)
    return {str(row["device"]): int(str(row["version"])) for row in rows}


def renew(database: Database, connection: sa.Connection, names: Sequence[str]) -> None:
    """Want the same with greater versions, of devices that were given greater ones than this database
    knows.
    """
    found = {name: one for name, one in wanted(connection, names).items() if one.version}
    asked = sa.select(DESIRED.c.device, DESIRED.c.rollout).where(DESIRED.c.device.in_(list(found)))
    by = {row.device: row.rollout for row in connection.execute(asked)}
    for name, one in found.items():
        want(database, connection, {name: one.settings}, found, rollout=by.get(name, ""))


def unpublished(connection: sa.Connection, limit: int) -> list[tuple[str, int, str]]:
    """Device, version and message of what the broker does not have yet."""
    columns = DESIRED.c.device, DESIRED.c.version, DESIRED.c.message
    asked = sa.select(*columns).where(DESIRED.c.published < DESIRED.c.version).limit(limit)
    return [(device, version, message) for device, version, message in connection.execute(asked)]


def mark_published(connection: sa.Connection, published: Mapping[str, int]) -> None:
    """The broker has these versions; 0 where it has none."""
    if published:
        changed = DESIRED.update().where(DESIRED.c.device == sa.bindparam("of"))
        rows = [{"of": device, "published": version} for device, version in published.items()]
        connection.execute(changed, rows)


def _check_expected(found: Mapping[str, Wanted], expected: Mapping[str, int]) -> None:
    for name, version in expected.items():
        if name in found and found[name].version != version:
            raise Conflict(
                f"{name} has version {found[name].version} of its settings, not {version}: somebody else "
                "changed it meanwhile; look at it again",
                device=name,
            )


def _check_free(connection: sa.Connection, names: Sequence[str]) -> None:
    asked = (
        sa.select(EARLIER.c.device, EARLIER.c.rollout)
        .join(ROLLOUTS, ROLLOUTS.c.id == EARLIER.c.rollout)
        .where(ROLLOUTS.c.status.in_(_RUNNING))
    )
    among = set(names)
    busy = {device: rollout for device, rollout in connection.execute(asked) if device in among}
    if busy:
        device, rollout = next(iter(busy.items()))
        raise Conflict(
            f"{device} is in the rollout {rollout}, with {len(busy) - 1} more of these; abort that, or wait "
            "for its end",
            rollout=rollout,
        )
