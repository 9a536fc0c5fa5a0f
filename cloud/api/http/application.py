"""Everything that is served over HTTP, at its address."""

import logging
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from protos.http.handlers import handlers
from protos.http.hosts import HostGuard
from protos.http.refusals import BUG, Refused, response_of

_log = logging.getLogger(__name__)


def application(routes: Sequence[Route], *, guarded: bool) -> Starlette:
    """As ASGI. `guarded`: pages of other sites, in a browser on this machine, get nothing; where callers must
    say who they are, they get nothing anyway.
    """
    return Starlette(
        routes=routes,
        middleware=[Middleware(HostGuard)] if guarded else [],
        exception_handlers=handlers("nothing that is served here", _bug),
    )


async def _bug(_: Request, error: Exception) -> Response:
    _log.error("a request over HTTP failed unexpectedly", exc_info=error)
    return response_of(Refused(BUG, "the service failed at this request and logged why; ask again"))
