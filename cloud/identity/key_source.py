"""Where the keys of an identity provider come from: a file, or a URL that is asked again when keys rotate."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from cloud.identity.key_set import MAX_BYTES, KeySet, PublicKey, key_set
from cloud.identity.reloaded import Reloaded
from protos.errors import RequestError

_log = logging.getLogger(__name__)
_MAX_AGE = 300.0  # seconds; a key that its provider withdrew is believed no longer
_PAUSE = 60.0  # seconds from one fetch for an unknown key to the next
_TIMEOUT = 5.0
_MAX_WAITING = 64  # calls that wait for one fetch


class KeySource(Protocol):
    """Keys by `kid`. Belongs to the event loop."""

    async def start(self) -> None:
        """Raises RequestError where there are no keys."""

    async def find(self, name: str) -> PublicKey | None: ...

    async def refresh(self) -> None:
        """To be called now and then."""


class KeyFile:
    """Keys of a file, read again when it changes. Raises RequestError for what is no key set."""

    def __init__(self, path: Path) -> None:
        self._keys = Reloaded([path], lambda: _read(path))

    async def start(self) -> None:
        """The file is read."""

    async def find(self, name: str) -> PublicKey | None:
        return self._keys.current().get(name)

    async def refresh(self) -> None:
        """A file is looked at by each call."""


class KeyUrl:
    """Keys fetched over HTTPS: every five minutes, and at an unknown key at most once a minute. Where that
    fails, those of before go on.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._clock = url, clock
        self._keys: KeySet = {}
        self._fetched = clock()  # when it was last tried
        self._fetching = asyncio.Lock()
        self._waiting = 0

    async def start(self) -> None:
        self._fetched = self._clock()
        self._keys = await _fetched(self._url)

    async def find(self, name: str) -> PublicKey | None:
        if name not in self._keys and self._waiting < _MAX_WAITING:
            self._waiting += 1
            try:
                await self._fetch_once_in(_PAUSE)
            finally:
                self._waiting -= 1
        return self._keys.get(name)

    async def refresh(self) -> None:
        await self._fetch_once_in(_MAX_AGE)

    async def _fetch_once_in(self, seconds: float) -> None:
        async with self._fetching:
            if self._clock() - self._fetched < seconds:
                return
            self._fetched = self._clock()
            try:
                self._keys = await _fetched(self._url)
            except RequestError as error:
                _log.warning("%s; the keys of before go on", error)


def _read(path: Path) -> KeySet:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"--jwks {path} cannot be read ({error.strerror}); give another file") from error
    return key_set(content, f"--jwks {path}")


async def _fetched(url: str) -> KeySet:
    """Raises RequestError where the URL gives no key set. Redirects are not followed."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the url
    host = urlsplit(url).hostname
    content = b""
    try:
        async with (
            asyncio.timeout(_TIMEOUT),
            httpx.AsyncClient(
                verify=ssl.create_default_context(), timeout=_TIMEOUT, trust_env=False
            ) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as reply,
        ):
            if reply.status_code != httpx.codes.OK:
                raise RequestError(f"--jwks: {host} answers {reply.status_code}; correct the URL")
            async for chunk in reply.aiter_raw():
                content += chunk
                if len(content) > MAX_BYTES:
                    break
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
        raise RequestError(
            f"--jwks: {host} gives no keys ({type(error).__name__}); correct the URL, or see that it answers"
        ) from error
    return key_set(content, f"--jwks: what {host} gives")
