"""Who may see a page and who may change something from it: a token in a cookie, and nobody else's pages."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from cloud.fleet.api.operators import Operator, Operators
from cloud.identity.identity import Role
from protos.errors import Unauthenticated
from protos.http.refusals import FORBIDDEN, Refused

_COOKIE_SECONDS = 12 * 3600  # a shift


class Gate:
    """`secure`: browsers reach the controller by https alone."""

    def __init__(self, operators: Operators, *, secure: bool) -> None:
        self._operators, self._secure = operators, secure
        self._cookie = "__Host-isthmus-fleet" if secure else "isthmus-fleet"

    @property
    def asks(self) -> bool:
        """Whether anybody has to say who they are."""
        return self._operators.authentication is not None

    async def admit(self, request: Request, needs: Role = Role.VIEWER) -> Operator:
        """Raises Unauthenticated, NotPermitted."""
        return await self._operators.identify(request, needs, request.cookies.get(self._cookie, ""))

    async def knows(self, request: Request, token: str) -> bool:
        """Whether a token is one by which a browser may see the fleet. Raises NotPermitted."""
        try:
            await self._operators.identify(request, Role.VIEWER, token)
        except Unauthenticated:
            return False
        return bool(token)

    def keep(self, reply: Response, token: str) -> None:
        """Have the browser keep it where no script reads it, and send it to nobody else."""
        reply.set_cookie(
            self._cookie,
            token,
            max_age=_COOKIE_SECONDS,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def forget(self, reply: Response) -> None:
        reply.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict")


def check_own_page(request: Request) -> None:
    """A browser says which site a form stands on. Raises Refused for another than this one, and for whoever
    does not say: programs have the API.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    own = site == "same-origin" if site else bool(origin) and _host(origin) == request.headers.get("host")
    if not own:
        raise Refused(
            FORBIDDEN, "only the console's own pages may change something here; programs use /api/v1"
        )


def _host(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
