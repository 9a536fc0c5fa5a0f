"""The picture of a request, wherever its address says that it is."""

from collections.abc import Callable
from functools import partial

import anyio.to_thread

from edge.agent.http.pictures.fetching import Fetcher
from edge.agent.http.pictures.local_files import LocalFiles
from edge.agent.http.settings import HttpSettings
from edge.pictures.files import decode_picture
from edge.pictures.resampling import Picture
from protos.errors import PictureError
from protos.http.openai.data_urls import data_of

_DECODERS = 2  # threads: a large picture takes hundreds of megabytes while it is decoded


class Pictures:
    """Opens `data:`, `file:` and, where allowed, `http:` and `https:` addresses."""

    def __init__(self, settings: HttpSettings) -> None:
        limit = settings.max_body
        self._files = LocalFiles(settings.allowed_folders, limit)
        self._fetcher = Fetcher(settings.allow_http, limit, settings.fetch_time.seconds)
        self._limiter = anyio.CapacityLimiter(_DECODERS)

    async def open(self, address: str) -> Picture:
        """RGB (h, w, 3), upright. Raises PictureError, Refused."""
        scheme = address[:8].partition(":")[0].lower()
        if scheme == "data":
            return await self._decoded(partial(data_of, address))
        if scheme == "file":
            return await self._decoded(partial(self._files.read, address))
        if scheme in {"http", "https"}:
            return await self.decode(await self._fetcher.fetch(address))
        raise PictureError(
            "a picture is a data URL, such as data:image/jpeg;base64,...; or file:// or https://"
        )

    async def decode(self, data: bytes) -> Picture:
        """A file's bytes. Raises PictureError."""
        return await self._decoded(lambda: data)

    async def _decoded(self, read: Callable[[], bytes]) -> Picture:
        return await anyio.to_thread.run_sync(lambda: decode_picture(read()), limiter=self._limiter)
