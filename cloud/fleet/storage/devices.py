"""What is known of each device."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from cloud.fleet.rollout.standings import DeviceSeen
from cloud.fleet.storage.audit import Who, record
from cloud.fleet.storage.database import Database
from cloud.fleet.storage.tables import DESIRED, DEVICES
from protos.errors import RequestError, UnknownName

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_MAX_LABELS = 32
TAKEN_BACK = "failed "  # so the text of a refusal begins that a device gives after it has tried
_BRIEF = ("name", "connection", "since", "heard", "kind", "version", "bundle", "cut", "labels")


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which devices: those of which all of this is so; all where nothing is said."""

    devices: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    kind: str = ""
    version: str = ""
    bundle: str = ""  # the first digits of its digest
    cut: str = ""  # pinned now
    connection: str = ""

    def takes(self, row: Mapping[str, Any]) -> bool:
        return (
            (not self.devices or row["name"] in self.devices)
            and all(row["labels"].get(key) == value for key, value in self.labels.items())
            and row["bundle"].startswith(self.bundle)
            and all(
                getattr(self, field) in {"", row[field]} for field in ("kind", "version", "cut", "connection")
            )
        )


class DeviceView(NamedTuple):
    """A device with all that is known of it."""

    brief: Mapping[str, Any]
    device: str
    reported: str
    desired: str
    desired_version: int
    refused: str


def selected(connection: sa.Connection, selection: Selection) -> list[dict[str, Any]]:
    """The devices of a selection, by name, and how their settings are. Raises UnknownName for a device that
    is named and is none.
    """
    columns = [DEVICES.c[name] for name in (*_BRIEF, "reported_version", "refused", "taking_over")]
    asked = sa.select(*columns, DESIRED.c.version.label("desired_version")).select_from(
        DEVICES.outerjoin(DESIRED, DESIRED.c.device == DEVICES.c.name)
    )
    rows = [dict(row) for row in connection.execute(asked.order_by(DEVICES.c.name)).mappings()]
    names = {row["name"] for row in rows}
    for name in selection.devices:
        if name not in names:
            raise UnknownName("device", name, sorted(names)[:100])
    return [row for row in rows if selection.takes(row)]


def shown(connection: sa.Connection, name: str) -> DeviceView:
    """Raises UnknownName."""
    (brief,) = selected(connection, Selection(devices=(name,)))
    row = connection.execute(sa.select(DEVICES).where(DEVICES.c.name == name)).mappings().one()
    desired = connection.execute(sa.select(DESIRED).where(DESIRED.c.device == name)).mappings().first()
    return DeviceView(
        brief,
        row["device"],
        row["reported"],
        desired["settings"] if desired else "{}",
        desired["version"] if desired else 0,
        row["refused"],
    )


def label(database: Database, names: Sequence[str], labels: Mapping[str, str | None], who: Who) -> None:
    """Set labels, or take them away where the value is None. Raises RequestError."""
    for key, value in labels.items():
        if not _LABEL.fullmatch(key) or (value is not None and not _LABEL.fullmatch(value)):
            raise RequestError(
                f"{key[:64]}={str(value)[:64]} is no label; give up to 63 of letters, digits, . _ and -"
            )
    with database.writing() as connection:
        for row in selected(connection, Selection(devices=tuple(names))):
            changed = {**row["labels"], **labels}
            kept = {key: value for key, value in changed.items() if value is not None}
            if len(kept) > _MAX_LABELS:
                raise RequestError(f"{row['name']} would have more than {_MAX_LABELS} labels; take some away")
            where = DEVICES.c.name == row["name"]
            connection.execute(DEVICES.update().where(where).values(labels=kept))
            record(connection, who, "label", row["name"], str(dict(labels)))


def seen_devices(connection: sa.Connection, rollout: str) -> dict[str, DeviceSeen]:
    """Every device as a rollout sees it."""
    columns = [
        DEVICES.c[name]
        for name in ("name", "connection", "heard", "reported_version", "refused_version", "refused")
    ]
    asked = sa.select(*columns, DEVICES.c.taking_over, DESIRED.c.version, DESIRED.c.rollout).select_from(
        DEVICES.outerjoin(DESIRED, DESIRED.c.device == DEVICES.c.name)
    )
    found = {}
    for row in connection.execute(asked):
        ours = row.rollout == rollout
        found[row.name] = DeviceSeen(
            None if row.connection == "unknown" else row.connection == "online",
            row.heard,
            in_force=ours and row.reported_version == row.version and not row.taking_over,
            taking_over=ours and bool(row.taking_over),
            refused=row.refused if ours and row.refused_version == row.version else "",
            taken_back=row.refused.startswith(TAKEN_BACK),
        )
    return found
