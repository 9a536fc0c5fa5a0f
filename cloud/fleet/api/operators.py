"""Who asks the controller, and whether they may."""

from typing import NamedTuple

from starlette.requests import Request

from cloud.config import AccessConfig
from cloud.identity.authentication import PEM, Authentication
from cloud.identity.identity import Role
from protos.http.server import CERTIFICATE


class Operator(NamedTuple):
    """Who asks, and what they may."""

    name: str
    role: Role


_LOCAL = Operator("somebody on this machine", Role.ADMIN)


class Operators:
    """By tokens, web tokens or certificates; without any, whoever is on this machine."""

    def __init__(self, config: AccessConfig) -> None:
        self.authentication = Authentication(config) if config.identified else None

    async def name(self, request: Request, needs: Role) -> str:
        """Raises Unauthenticated, NotPermitted."""
        return (await self.identify(request, needs)).name

    async def identify(self, request: Request, needs: Role, token: str = "") -> Operator:
        """`token`: what a browser has kept, where the request shows none itself. Raises Unauthenticated,
        NotPermitted.
        """
        if self.authentication is None:
            return _LOCAL
        shown = request.scope.get("state", {}).get(CERTIFICATE)
        connection = {PEM: [shown]} if shown else {}
        headers = request.headers.items()
        if token and "authorization" not in request.headers:
            headers = [*headers, ("authorization", f"Bearer {token}")]
        known = await self.authentication.identify(headers, connection, needs)
        return Operator(f"{known.tenant}/{known.device}", known.role)
