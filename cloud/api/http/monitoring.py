"""`/healthz` for whoever asks, and `/metrics` for operators."""

import anyio.to_thread
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cloud.api.access import Access
from cloud.api.http.context import HttpContext
from cloud.identity.identity import Role
from cloud.telemetry.metrics import Metrics
from protos.errors import NotPermitted


class Monitoring:
    """Beyond loopback only who is known as an operator sees the metrics."""

    def __init__(self, metrics: Metrics, access: Access, *, loopback: bool) -> None:
        self._metrics, self._access, self._loopback = metrics, access, loopback

    async def health(self, _: Request) -> Response:
        """200 while the service takes requests and answers them, else 503."""
        serving = self._metrics.serving
        return JSONResponse({"status": "serving" if serving else "not serving"}, 200 if serving else 503)

    async def show(self, request: Request) -> Response:
        """All figures, as Prometheus reads them. Raises Unauthenticated, NotPermitted."""
        if self._loopback:
            return await self._shown()
        if not self._access.identifies:
            raise NotPermitted(
                "metrics are shown beyond loopback to operators only, and this service knows nobody; give it "
                "--tokens, --jwks or --client-ca, or --http on loopback"
            )
        async with self._access.granted(HttpContext(request), Role.OPERATOR):
            return await self._shown()

    async def _shown(self) -> Response:
        """Made in a thread: a GPU may take its time."""
        return Response(await anyio.to_thread.run_sync(self._metrics.text), media_type=CONTENT_TYPE_LATEST)
