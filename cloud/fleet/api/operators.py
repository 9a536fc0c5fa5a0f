"""Who asks the controller, and whether they may."""

from starlette.requests import Request

from cloud.config import AccessConfig
from cloud.identity.authentication import PEM, Authentication
from cloud.identity.identity import Role
from protos.http.server import CERTIFICATE

_LOCAL = "somebody on this machine"


class Operators:
    """By tokens, web tokens or certificates; without any, whoever is on this machine."""

    def __init__(self, config: AccessConfig) -> None:
        self.authentication = Authentication(config) if config.identified else None

    async def name(self, request: Request, needs: Role) -> str:
        """Raises Unauthenticated, NotPermitted."""
        if self.authentication is None:
            return _LOCAL
        shown = request.scope.get("state", {}).get(CERTIFICATE)
        connection = {PEM: [shown]} if shown else {}
        known = await self.authentication.identify(request.headers.items(), connection, needs)
        return f"{known.tenant}/{known.device}"
