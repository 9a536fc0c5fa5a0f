"""`/healthz`: whether the agent lives. `/readyz`: whether it answers, now that its models are loaded."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from edge.agent.http.metrics import LinksNow


class Health:
    """Nothing of what the agent sees is told here: who has no token may ask."""

    def __init__(self, links: LinksNow) -> None:
        self._links = links

    async def alive(self, _: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(self, _: Request) -> Response:
        """It serves once the models are loaded; a cloud that is away is no reason to restart a device."""
        links = self._links().values()
        away = links and not any(link.up for link in links)
        return PlainTextResponse("ready, the cloud is away\n" if away else "ready\n")
