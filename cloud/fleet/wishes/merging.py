"""A change of settings on top of earlier ones."""

from google.protobuf.message import Message

from protos import fleet_pb2 as pb
from protos.errors import RequestError
from protos.fleet.bounds import violations
from protos.fleet.messages import from_json, to_json

EMPTY = "{}"


def merged(earlier: pb.FleetSettings, change: pb.FleetSettings) -> pb.FleetSettings:
    """What a change names is as that says; lists are replaced as a whole. A pinned cut that is changed takes
    no codec with it that was meant for another.
    """
    found = pb.FleetSettings()
    found.CopyFrom(earlier)
    _merge(found, change)
    if change.cuts.pinned and not change.cuts.codec and change.cuts.pinned != earlier.cuts.pinned:
        found.cuts.codec = ""
    return found


def without(settings: pb.FleetSettings, fields: list[str]) -> pb.FleetSettings:
    """Settings of which some fields, such as `cuts.pinned`, are as agent.toml says again. Raises
    RequestError.
    """
    found = pb.FleetSettings()
    found.CopyFrom(settings)
    for path in fields:
        at: Message = found
        *above, last = path.split(".")
        for name in above:
            at = _below(at, name, path)
        if last not in at.DESCRIPTOR.fields_by_name:
            raise _unknown(path)
        at.ClearField(last)
    return found


def settings_of(text: str | bytes) -> pb.FleetSettings:
    """Settings as JSON, within their bounds. Raises RequestError, naming the field."""
    data = text.encode() if isinstance(text, str) else text
    if not data.lstrip().startswith(b"{"):
        raise RequestError("settings are one JSON object, as FleetSettings of fleet.proto has it; give one")
    found = from_json(pb.Desired, b'{"settings":' + data + b"}").settings
    check_bounds(found)
    return found


def check_bounds(settings: pb.FleetSettings) -> None:
    """Raises RequestError for the first fields that are out of their bounds."""
    if wrong := violations(settings):
        told = "; ".join(f"{one.field}: {one.text}" for one in wrong[:3])
        raise RequestError(told, fields=[one.field for one in wrong])


def text_of(settings: pb.FleetSettings) -> str:
    """Settings as JSON."""
    whole = to_json(pb.Desired(settings=settings)).decode()
    return whole.removeprefix('{"settings":').removesuffix("}") if settings.ByteSize() else EMPTY


def _merge(into: Message, change: Message) -> None:
    for field, value in change.ListFields():
        if field.is_repeated:
            into.ClearField(field.name)
            getattr(into, field.name).extend(value)
        elif field.message_type:
            _merge(getattr(into, field.name), value)
        else:
            setattr(into, field.name, value)


def _below(message: Message, name: str, path: str) -> Message:
    field = message.DESCRIPTOR.fields_by_name.get(name)
    if field is None or field.message_type is None or field.is_repeated:
        raise _unknown(path)
    found: Message = getattr(message, name)
    return found


def _unknown(path: str) -> RequestError:
    return RequestError(f"settings have no field {path[:64]!r}; give such as cuts.pinned or rules.local")
