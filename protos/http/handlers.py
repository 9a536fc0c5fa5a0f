"""How an application answers what its endpoints raise, in the form that clients of OpenAI's API know."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from protos.errors import IsthmusError
from protos.http.refusals import NO_METHOD, NOT_FOUND, Refusal, Refused, refused, response_of

_KINDS = {404: NOT_FOUND, 405: NO_METHOD}

Handler = Callable[[Request, Exception], Awaitable[Response]]


def handlers(unserved: str, bug: Handler, see: str = "/v1/models") -> Mapping[type[Exception], Handler]:
    """As Starlette takes them. `unserved`: what an address is that nothing is at, and where to `see` what is
    served; `bug` answers whatever no endpoint should raise.
    """

    async def refuse_address(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        kind = _KINDS.get(error.status_code) or Refusal(
            error.status_code, "invalid_request_error", "http_error"
        )
        words = f"{request.method} {request.url.path[:128]} is {unserved}; see {see}"
        return response_of(Refused(kind, words), error.headers)

    return {
        IsthmusError: _refuse,
        HTTPException: refuse_address,
        ClientDisconnect: _nobody,
        Exception: bug,
    }


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, IsthmusError)
    return response_of(refused(error))


async def _nobody(_: Request, __: Exception) -> Response:
    """Who asked has hung up: nobody reads this."""
    return Response(status_code=400)
