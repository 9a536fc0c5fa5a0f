"""Everything that is served over HTTP, at its address."""

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from protos.errors import IsthmusError
from protos.http.hosts import HostGuard
from protos.http.refusals import BUG, NO_METHOD, NOT_FOUND, Refusal, Refused, refused, response_of

_log = logging.getLogger(__name__)


def application(routes: Sequence[Route], *, guarded: bool) -> Starlette:
    """As ASGI. `guarded`: pages of other sites, in a browser on this machine, get nothing; where callers must
    say who they are, they get nothing anyway.
    """
    return Starlette(
        routes=routes,
        middleware=[Middleware(HostGuard)] if guarded else [],
        exception_handlers={
            IsthmusError: _refuse,
            HTTPException: _refuse_address,
            ClientDisconnect: _nobody,
            Exception: _bug,
        },
    )


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, IsthmusError)
    return response_of(refused(error))


async def _refuse_address(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kinds = {404: NOT_FOUND, 405: NO_METHOD}
    kind = kinds.get(error.status_code) or Refusal(error.status_code, "invalid_request_error", "http_error")
    words = f"{request.method} {request.url.path[:128]} is nothing that is served here; see /v1/models"
    return response_of(Refused(kind, words), error.headers)


async def _nobody(_: Request, __: Exception) -> Response:
    """Who asked has hung up: nobody reads this."""
    return Response(status_code=400)


async def _bug(_: Request, error: Exception) -> Response:
    _log.error("a request over HTTP failed unexpectedly", exc_info=error)
    return response_of(Refused(BUG, "the service failed at this request and logged why; ask again"))
