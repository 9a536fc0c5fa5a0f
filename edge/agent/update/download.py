"""An archive fetched over HTTP, bounded, and gone on with where a connection broke."""

import logging
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import anyio.to_thread
import httpx
import msgspec

from edge.agent.settings.quantities import without_secrets
from edge.agent.settings.update import UpdateSettings
from protos.connection.secrets import read_secret
from protos.errors import BundleError, CloudError, DiskFull, RequestError
from protos.files import write_whole

_CHUNK = 1 << 16
_SILENCE_SECONDS = 30.0
_MAX_ETAG = 256
_SPARE = 64 << 20  # bytes of the disk that are left to others


@dataclass(frozen=True)
class Downloaded:
    """`etag` is empty where the server gives none."""

    etag: str


class PartNote(msgspec.Struct, frozen=True):
    """Of what a part is: a server goes on with it only if `etag` is still what it has."""

    url: str
    etag: str


class BundleDownload:
    """To a file; a part of it, beside it as `.part`, outlives a restart."""

    def __init__(self, update: UpdateSettings, target: Path) -> None:
        self._update, self._target = update, target
        self._part = target.with_name(f"{target.name}.part")
        self._note = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes of it that are here."""
        return self._part.stat().st_size if self._part.exists() else 0

    async def fetch(self, url: str, known: str = "") -> Downloaded | None:
        """The whole of it in its place; None where the server still has what has the ETag `known`.

        Raises CloudError where it broke off, or the server has it not; BundleError for one that is too large
        for the settings or the disk; RequestError for credentials that are none.
        """
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the url
        part = self._read_note(url)
        headers = self._headers(known, part)
        host = urlsplit(url).hostname
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            async with (
                httpx.AsyncClient(
                    verify=self._trusted(), timeout=_SILENCE_SECONDS, trust_env=False
                ) as client,
                client.stream("GET", url, headers=headers) as reply,
            ):
                if reply.status_code == httpx.codes.NOT_MODIFIED:
                    return None
                return await self._take(url, reply)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"broke off, {self.size} bytes of a bundle are here" if self.size else "gives no bundle"
            raise CloudError(f"{host} {what} ({type(error).__name__}); it is asked again") from error
        except OSError as error:
            raise DiskFull(
                f"{self._part} cannot be written ({error.strerror}); free some of its disk"
            ) from error

    async def _take(self, url: str, reply: httpx.Response) -> Downloaded:
        """A reply that may be the rest of a part."""
        goes_on = reply.status_code == httpx.codes.PARTIAL_CONTENT
        if not goes_on and reply.status_code != httpx.codes.OK:
            if reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                self._part.unlink(missing_ok=True)
            raise CloudError(
                f"{without_secrets(url)} answers {reply.status_code}; put there what isthmus bundle pack "
                "--edge wrote, or correct update.url"
            )
        begun = self.size if goes_on else 0
        if goes_on and not reply.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            self._part.unlink(missing_ok=True)
            raise CloudError(
                f"{urlsplit(url).hostname} sent another part than was asked for; it is begun anew"
            )
        self._check_room(begun, reply)
        etag = _usable(reply.headers.get("ETag", ""))
        write_whole(self._note, msgspec.json.encode(PartNote(url, etag)))
        with self._part.open("ab" if goes_on else "wb") as file:
            await self._write(reply, file, begun)
        self._part.replace(self._target)
        self._note.unlink(missing_ok=True)
        return Downloaded(etag)

    async def _write(self, reply: httpx.Response, file: IO[bytes], written: int) -> None:
        async for chunk in reply.aiter_raw(_CHUNK):
            written += len(chunk)
            if written > self._update.max_bytes:
                self._part.unlink()
                raise self._too_large(written)
            await anyio.to_thread.run_sync(file.write, chunk)

    def _check_room(self, begun: int, reply: httpx.Response) -> None:
        """Raises BundleError, DiskFull before anything is written."""
        length = reply.headers.get("Content-Length", "")
        coming = int(length) if length.isascii() and length.isdigit() else 0
        if begun + coming > self._update.max_bytes:
            self._part.unlink(missing_ok=True)
            raise self._too_large(begun + coming)
        free = shutil.disk_usage(self._target.parent).free
        if coming + _SPARE > free:
            raise DiskFull(
                f"a bundle of {coming} bytes is to be fetched, and {self._target.parent} has {free} free; "
                "free some, or set $ISTHMUS_CACHE to another disk",
                needed=coming,
                free=free,
            )

    def _too_large(self, size: int) -> BundleError:
        return BundleError(
            f"{self._update.url} has {size} bytes or more, update.max-bytes allows {self._update.max_bytes}; "
            "raise it, or pack with --edge",
            size=size,
        )

    def _headers(self, known: str, part: PartNote | None) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity"}
        if part:
            headers |= {"Range": f"bytes={self.size}-", "If-Range": part.etag}
        elif known:
            headers["If-None-Match"] = known
        if self._update.token_file:
            headers["Authorization"] = f"Bearer {read_secret(self._update.token_file)}"
        return headers

    def _read_note(self, url: str) -> PartNote | None:
        """Of a part that can be gone on with."""
        try:
            note = msgspec.json.decode(self._note.read_bytes(), type=PartNote)
        except (OSError, msgspec.DecodeError):
            return None
        strong = note.etag and not note.etag.startswith("W/")  # it stands for the same bytes
        return note if note.url == url and strong and self.size else None

    def _trusted(self) -> ssl.SSLContext | bool:
        """Raises RequestError for a `ca` that is none."""
        try:
            return ssl.create_default_context(cafile=self._update.ca) if self._update.ca else True
        except OSError as error:
            raise RequestError(
                f"update.ca: {self._update.ca} is no file of certificates ({error}); give PEM"
            ) from error


def _usable(etag: str) -> str:
    return etag if etag.isascii() and len(etag) <= _MAX_ETAG else ""
