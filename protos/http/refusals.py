"""What cannot be answered, in the form that clients of OpenAI's API know."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.responses import JSONResponse, Response

from protos.errors import (
    CloudBusy,
    CloudError,
    Conflict,
    ContentRefused,
    DeadlineError,
    IsthmusError,
    NoRoute,
    NotPermitted,
    PictureError,
    PromptError,
    RequestError,
    TooLarge,
    Unauthenticated,
)

_RETRY_SECONDS = 1.0
INVALID, SERVER, RATE = "invalid_request_error", "server_error", "rate_limit_error"


class Refusal(NamedTuple):
    """An HTTP status, and what the error's `type` and `code` are."""

    status: int
    type: str
    code: str


BAD_REQUEST = Refusal(400, INVALID, "invalid_request")
BAD_TOKEN = Refusal(401, "authentication_error", "invalid_api_key")
FORBIDDEN = Refusal(403, "permission_error", "forbidden")
NOT_FOUND = Refusal(404, INVALID, "not_found")
NO_MODEL = Refusal(404, INVALID, "model_not_found")
NO_METHOD = Refusal(405, INVALID, "method_not_allowed")
CONFLICT = Refusal(409, INVALID, "conflict")
TOO_SLOW = Refusal(408, INVALID, "request_timeout")
TOO_LARGE = Refusal(413, INVALID, "request_too_large")
NOT_JSON = Refusal(415, INVALID, "unsupported_media_type")
WRONG_HOST = Refusal(421, INVALID, "wrong_host")
BUSY = Refusal(429, RATE, "too_many_requests")
UNSUPPORTED = Refusal(400, INVALID, "unsupported")
BUG = Refusal(500, SERVER, "internal_error")
UNAVAILABLE = Refusal(503, SERVER, "unavailable")
LATE = Refusal(504, "timeout_error", "deadline_exceeded")


_STATUSES = {  # of HTTP that have one of gRPC
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    409: "ABORTED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    504: "DEADLINE_EXCEEDED",
}


class Refused(IsthmusError):
    """A request that is refused in a way that only HTTP knows. `param`: the field that is wrong."""

    def __init__(
        self, kind: Refusal, message: str, param: str | None = None, retry_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = _STATUSES.get(kind.status, "INVALID_ARGUMENT" if kind.status < 500 else "UNAVAILABLE")
        self.kind, self.param, self.retry_seconds = kind, param, retry_seconds


_OURS: tuple[tuple[type[IsthmusError], Refusal], ...] = (  # the first that fits
    (Unauthenticated, BAD_TOKEN),
    (NotPermitted, FORBIDDEN),
    (TooLarge, TOO_LARGE),
    (Conflict, CONFLICT),
    (ContentRefused, Refusal(400, INVALID, "content_filter")),
    (PictureError, Refusal(400, INVALID, "invalid_image")),
    (PromptError, Refusal(400, INVALID, "invalid_prompt")),
    (RequestError, BAD_REQUEST),
    (NoRoute, Refusal(400, INVALID, "no_route")),
    (DeadlineError, LATE),
    (CloudBusy, Refusal(429, RATE, "cloud_busy")),
    (CloudError, UNAVAILABLE),
)


def refused(error: IsthmusError) -> Refused:
    """Any of our errors as one of HTTP. Where the cloud is away for now, waiting helps."""
    if isinstance(error, Refused):
        return error
    kind = next((kind for ours, kind in _OURS if isinstance(error, ours)), UNAVAILABLE)
    known = error.facts.get("retry_seconds")
    retry = max(float(known), _RETRY_SECONDS) if isinstance(known, float | int) else None
    if isinstance(error, NoRoute) and retry is not None:
        return Refused(UNAVAILABLE, str(error), retry_seconds=retry)
    waits = kind.status in {429, 503}
    return Refused(kind, str(error), retry_seconds=(retry or _RETRY_SECONDS) if waits else None)


def body_of(error: Refused, **more: Any) -> dict[str, Any]:
    """What the answer holds: `{"error": {...}}`."""
    told = {"message": str(error), "type": error.kind.type, "param": error.param, "code": error.kind.code}
    return {"error": told | more}


def response_of(error: Refused, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is refused."""
    given = dict(headers or {})
    if error.retry_seconds is not None:
        given["retry-after"] = f"{max(error.retry_seconds, 1):.0f}"
    if error.kind.status == BAD_TOKEN.status:
        given["www-authenticate"] = "Bearer"
    if error.kind.status in {TOO_LARGE.status, TOO_SLOW.status}:
        given["connection"] = "close"  # what is left of the body is not wanted
    return JSONResponse(body_of(error), error.kind.status, given)
