"""`/healthz`: whether the agent lives, and by which bundle. `/readyz`: whether it answers, now that its
models are loaded.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from edge.agent.http.guard.tokens import Token
from edge.agent.http.metrics import LinksNow
from edge.agent.status.update_status import UpdateStatus
from protos.bundle import Bundle


class Health:
    """Who has no token may ask, and learns that the agent lives, and no more."""

    def __init__(self, links: LinksNow, token: Token, bundle: Bundle, update: UpdateStatus) -> None:
        self._links, self._token, self._bundle, self._update = links, token, bundle, update

    async def alive(self, request: Request) -> Response:
        """`update` is there while another bundle is looked for, fetched or tried."""
        known = self._told() if self._token.admits_request(request) else {}
        return JSONResponse({"status": "alive"} | known)

    async def ready(self, _: Request) -> Response:
        """It serves once the models are loaded; a cloud that is away is no reason to restart a device."""
        links = self._links().values()
        away = links and not any(link.up for link in links)
        return PlainTextResponse("ready, the cloud is away\n" if away else "ready\n")

    def _told(self) -> dict[str, object]:
        told: dict[str, object] = {
            "bundle": self._bundle.digest,
            "model": self._bundle.manifest.model,
            "in_use_seconds": round(self._update.in_use_seconds, 1),
        }
        if self._update.under_way:
            told["update"] = {"state": self._update.state, "bundle": self._update.wanted or None}
        return told
