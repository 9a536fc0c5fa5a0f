"""`/healthz`: whether the agent lives. `/readyz`: whether it answers, now that its models are loaded."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from edge.agent.http.metrics import LinkNow


class Health:
    """Nothing of what the agent sees is told here: who has no token may ask."""

    def __init__(self, link: LinkNow) -> None:
        self._link = link

    async def alive(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(self, _: Request) -> Response:
        """It serves once the models are loaded; a cloud that is away is no reason to restart a device."""
        link = self._link()
        return PlainTextResponse("ready\n" if link is None or link.up else "ready, the cloud is away\n")
