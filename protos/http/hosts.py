"""Only requests that mean this machine: pages of other sites, in a browser beside it, get nothing.

A page that a stranger wrote can have its own name resolve to this machine (DNS rebinding), or post to it from
where it is. The first has a foreign name in `Host`, the second in `Origin`.
"""

import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from protos.connection.address import is_address
from protos.http.refusals import FORBIDDEN, WRONG_HOST, Refused, response_of


class HostGuard:
    """Lets in what is asked of an address, of localhost, of this machine's name, or of one of `names`."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = (), remedy: str = "") -> None:
        """`remedy`: what else helps than to ask by its address."""
        self._remedy = remedy
        own = socket.gethostname().lower()
        self._app, self._names = app, {"localhost", own, f"{own}.local", *(name.lower() for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        error = self._wrong(HTTPConnection(scope))
        await (response_of(error) if error else self._app)(scope, receive, send)

    def _wrong(self, asked: HTTPConnection) -> Refused | None:
        host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
        name = _name_in(f"//{host}")
        if not is_address(name) and name not in self._names:
            return Refused(
                WRONG_HOST,
                f"{name[:64]!r} is no name of this machine; ask by its address{self._remedy}",
            )
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return Refused(FORBIDDEN, "pages of other sites may not ask here")
        if asked.headers.get("sec-fetch-site") == "cross-site" and not _is_visit(asked):
            return Refused(FORBIDDEN, "pages of other sites may not ask here")
        return None


def _is_visit(asked: HTTPConnection) -> bool:
    """Whether a person has followed a link here."""
    return asked.headers.get("sec-fetch-mode") == "navigate" and asked.scope["method"] == "GET"


def _name_in(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""
