"""Settings as JSON: a quantity as its number and the name of its unit, an address without its password."""

from pathlib import Path
from typing import Any

import msgspec

from edge.agent.settings.quantities import (
    Bytes,
    Celsius,
    Joules,
    Milliseconds,
    Percent,
    PerSecond,
    Section,
    Url,
)

_UNITS: dict[type, str] = {
    Milliseconds: "ms",
    Bytes: "B",
    Percent: "%",
    Celsius: "C",
    Joules: "J",
    PerSecond: "/s",
}


def as_json(value: Any) -> Any:
    """A value of the settings, and all that is in it, of what JSON has."""
    if unit := _UNITS.get(type(value)):
        return {"value": int(value) if isinstance(value, int) else float(value), "unit": unit}
    if isinstance(value, Section):
        return _table(value)
    if isinstance(value, (tuple, list)):
        return [as_json(one) for one in value]
    return str(value) if isinstance(value, (Path, Url)) else value


def _table(section: Section) -> dict[str, Any]:
    config = section.__struct_config__
    kind = {config.tag_field: config.tag} if config.tag_field else {}
    fields = msgspec.structs.fields(section)
    return kind | {field.encode_name: as_json(getattr(section, field.name)) for field in fields}
