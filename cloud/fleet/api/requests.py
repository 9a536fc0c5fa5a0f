"""What operators send, read and checked."""

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from cloud.fleet.storage.devices import Selection
from protos.errors import RequestError
from protos.http.bodies import bounded_body
from protos.http.refusals import NOT_JSON, Refused

_MAX_BYTES = 4 << 20
MAX_WHY = 500
BodyT = TypeVar("BodyT", bound="Explained")


class Explained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`why`: for the audit log."""

    why: str

    def __post_init__(self) -> None:
        if not self.why.strip() or len(self.why) > MAX_WHY:
            raise ValueError(f"say why, in up to {MAX_WHY} characters")


class SelectedDevices(Explained, frozen=True, kw_only=True):
    """`everything`: an empty selection is meant to be all devices."""

    selection: Selection = Selection()
    everything: bool = False

    def check_selection(self) -> None:
        """Raises RequestError."""
        if self.selection == Selection() and not self.everything:
            raise RequestError("no device is selected; name some, or say that everything is meant")


class SetBody(SelectedDevices, frozen=True, kw_only=True):
    """`settings`: a FleetSettings of fleet.proto, as JSON. `clear`: fields that are as agent.toml says again,
    such as `cuts.pinned`. `expected`: versions, by device, that the change is based on.
    """

    settings: dict[str, Any] = {}
    clear: list[str] = []
    expected: dict[str, int] = {}


class LabelBody(SelectedDevices, frozen=True, kw_only=True):
    """`labels`: null takes one away."""

    labels: dict[str, str | None]


class RolloutBody(SelectedDevices, frozen=True, kw_only=True):
    """`plan`: fields of a rollout's plan; what is left out is as it is by default."""

    settings: dict[str, Any]
    percentage: float = 100.0
    plan: dict[str, Any] = {}


class ResumeBody(Explained, frozen=True, kw_only=True):
    """`unproven`: the next phase begins without proof."""

    unproven: bool = False


class JobBody(SelectedDevices, frozen=True, kw_only=True):
    """`job`: a Job of fleet.proto, as JSON, without id and expiry."""

    job: dict[str, Any]
    expires_seconds: float = 24 * 3600.0


async def body_of(request: Request, kind: type[BodyT]) -> BodyT:
    """Raises Refused for what is too large or no JSON; RequestError for what is no such request."""
    data = await bounded_body(request, _MAX_BYTES, "request")
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise RequestError(f"the request is none: {error}; see /api/v1/openapi.json") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(NOT_JSON, "the request is no JSON; send one JSON object") from error


def count_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query. Raises RequestError."""
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise RequestError(f"{name} is {text[:20]!r}; give 1 to {most}")
    return int(text)


def selection_of(request: Request) -> Selection:
    """A selection of the query: label=KEY=VALUE (repeated), kind, version, bundle, cut, connection, device
    (repeated). Raises RequestError.
    """
    asked = request.query_params
    labels = dict(pair.partition("=")[::2] for pair in asked.getlist("label"))
    known = {"label", "device", "kind", "version", "bundle", "cut", "connection"}
    if unknown := set(asked) - known:
        raise RequestError(
            f"devices are not selected by {min(unknown)[:40]!r}; give {', '.join(sorted(known))}"
        )
    fields = {name: asked.get(name, "") for name in known - {"label", "device"}}
    return Selection(devices=tuple(asked.getlist("device")), labels=labels, **fields)
